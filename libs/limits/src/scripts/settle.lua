-- Corrects what a call was charged by what it really used, or gives back all of it for a call that was never sent.
-- KEYS: one hash per scope   ARGV per unit: place of its scope's key, unit, ms to add (or, negative, to give back)
for i = 1, #ARGV, 3 do
  local key, unit = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  local free_at = redis.call('HGET', key, unit)
  if free_at then redis.call('HSET', key, unit, string.format('%.3f', tonumber(free_at) + tonumber(ARGV[i + 2]))) end
end
return 'ok'
