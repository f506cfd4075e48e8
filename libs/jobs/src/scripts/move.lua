-- include: record.lua
-- Opens the next attempt at another candidate, for a job that waits in the queue of one that is closed. Uses up no attempt.
-- KEYS: job, call, events   ARGV: job id, waiting attempt, channel prefix, index of the other candidate, the plan anew or ''
-- Returns the next attempt, or nil when the job moved on, has been begun or has ended.
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[3])
local f = redis.call('HMGET', KEYS[2], 'attempt', 'run')
if not ctx or TERMINAL[ctx.state] or f[1] ~= ARGV[2] or f[2] then return nil end

local next_attempt = tonumber(ARGV[2]) + 1
redis.call('HDEL', KEYS[2], 'ticket')
redis.call('HSET', KEYS[2], 'attempt', next_attempt, 'index', ARGV[4], 'tries', '0')
-- Pools of the candidates may have changed since it was made.
if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'plan', ARGV[5]) end
return next_attempt
