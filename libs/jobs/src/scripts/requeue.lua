-- include: record.lua
-- Opens the next attempt number for an unfinished job whose attempt the queue no longer brings to a worker. Uses up no
-- attempt, but one that had begun, or that its worker could not even begin, counts as a crash.
-- KEYS: job, call, events, unfinished   ARGV: job id, lost attempt, channel prefix, most crashes, 'lost' | 'failed'
-- Returns the next attempt, or nil when the job moved on or ended.
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[3])
local f = redis.call('HMGET', KEYS[2], 'attempt', 'run', 'streamed')
if not ctx or TERMINAL[ctx.state] or f[1] ~= ARGV[2] then return nil end

if f[2] then record_crash(ctx, KEYS[2], ARGV[2]) end
local next_attempt = tonumber(ARGV[2]) + 1
if (f[2] or ARGV[5] == 'failed') and ended_by_crash(ctx, KEYS[2], KEYS[4], next_attempt, f[3], ARGV[4]) then return nil end
redis.call('HDEL', KEYS[2], 'run', 'ticket')
redis.call('HSET', KEYS[2], 'attempt', next_attempt, 'streamed', '0', 'enqueued_at', int(now_ms()))
return next_attempt
