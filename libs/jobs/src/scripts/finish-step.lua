-- include: record.lua
-- Commits what became of a step, once.
-- KEYS: job, steps, call or '', events, unfinished
-- ARGV: job id, channel prefix, step, which of its calls this is, 'completed' | 'failed', output JSON or '', error JSON or '', event JSON
-- Returns 'committed' | 'known' (somebody else was first) | 'finished' | 'gone'
local job_id, step = ARGV[1], ARGV[3]
local ctx = open_job(KEYS[1], KEYS[4], job_id, ARGV[2])
if not ctx then return 'gone' end
if TERMINAL[ctx.state] then return 'finished' end
local f = redis.call('HMGET', KEYS[2], 'state:' .. step, 'number:' .. step)
if (f[1] ~= 'pending' and f[1] ~= 'in_progress') or (f[2] or '0') ~= ARGV[4] then return 'known' end

redis.call('HSET', KEYS[2], 'state:' .. step, ARGV[5], 'finished:' .. step, int(now_ms()))
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], 'output:' .. step, ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'error:' .. step, ARGV[7]) end
redis.call('HDEL', KEYS[3], 'result')
log_event(ctx, 'step.' .. ARGV[5], ARGV[8])
return 'committed'
