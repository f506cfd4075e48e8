-- Begins an ended delivery anew, under the same id: its record and an entry of the outbox change together.
-- KEYS: delivery, deliveries of its endpoint, outbox, bytes that wait for the recorder
-- ARGV: delivery id, time of its event, pairs of its record as the history has it, for when it is gone from here …
-- Returns 'started' | 'pending' (its tries are not over) | 'missing'
local f = redis.call('HMGET', KEYS[1], 'status', 'round', 'ledger_bytes')
if f[1] == 'pending' then return 'pending' end
local round = tonumber(f[2] or '1')
if not f[1] then
  if #ARGV < 3 then return 'missing' end
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
  round = tonumber(redis.call('HGET', KEYS[1], 'round'))
end
if f[3] then redis.call('DECRBY', KEYS[4], f[3]) end
redis.call('HDEL', KEYS[1], 'ledger_bytes', 'ended_at', 'held_by', 'held_since')
redis.call('HSET', KEYS[1], 'status', 'pending', 'round', round + 1, 'attempts', 0, 'next_at', '')
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('XADD', KEYS[3], '*', 'delivery', ARGV[1], 'round', round + 1)
return 'started'
