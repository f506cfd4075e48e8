-- Notes an event on its way to one target, once.
-- KEYS: delivery, deliveries of its endpoint
-- ARGV: delivery id, time of its event, drop from the list what is older or '', how long the list is kept (ms), field pairs …
-- Returns {status, round}: as they stand, when it was noted before.
local status = redis.call('HGET', KEYS[1], 'status')
if status then return { status, redis.call('HGET', KEYS[1], 'round') or '1' } end
redis.call('HSET', KEYS[1], 'status', 'pending', 'round', '1', unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
-- Where no history takes them out of the list, only time does; that of an endpoint that is no more goes as a whole.
if ARGV[3] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
else
  redis.call('PERSIST', KEYS[2])
end
return { 'pending', '1' }
