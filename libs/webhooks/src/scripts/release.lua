-- The history has a delivery that ended: it leaves the list of what only Redis has, and from now on its time runs.
-- KEYS: delivery, deliveries of its endpoint, bytes that wait for the recorder   ARGV: delivery id, round that was recorded, kept ms
-- Returns 1, or 0 when it was begun anew meanwhile: then it is recorded again after its next end.
local f = redis.call('HMGET', KEYS[1], 'status', 'round', 'ledger_bytes')
if f[1] == 'pending' or (f[2] or '1') ~= ARGV[2] then return 0 end
if f[3] then
  redis.call('DECRBY', KEYS[3], f[3])
  redis.call('HDEL', KEYS[1], 'ledger_bytes')
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'NX')
return 1
