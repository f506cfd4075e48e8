-- include: record.lua
-- Erases a finished job.
-- KEYS: job, call, events   ARGV: job id
-- Returns 'missing' | 'unfinished' | 'deleted'
local f = redis.call('HMGET', KEYS[1], 'state', 'index', 'idempotency')
if not f[1] then return 'missing' end
if not TERMINAL[f[1]] then return 'unfinished' end
redis.call('ZREM', f[2], ARGV[1])
if f[3] then redis.call('DEL', f[3]) end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 'deleted'
