-- include: record.lua
-- Erases a finished job.
-- KEYS: job, call, events, project's jobs   ARGV: job id
-- Returns 'missing' | 'unfinished' | 'deleted'
local f = redis.call('HMGET', KEYS[1], 'state', 'idempotency', 'steps', 'ledger', 'ledger_bytes')
if not f[1] then return 'missing' end
if not TERMINAL[f[1]] then return 'unfinished' end
redis.call('ZREM', KEYS[4], ARGV[1])
if f[2] then redis.call('DEL', f[2]) end
for _, key in ipairs(call_keys({ steps_key = f[3] }, KEYS[2])) do redis.call('DEL', key) end
if f[3] then redis.call('DEL', f[3]) end
if f[5] then redis.call('DECRBY', string.match(f[4], '^%S+') .. '-waiting', f[5]) end
redis.call('DEL', KEYS[1], KEYS[3])
return 'deleted'
