-- Moves a model's observed latency towards the mean of some new answers.
-- KEYS: latencies   ARGV: model, mean ms, number of answers, weight of one answer
-- Returns the new value as text
local old = redis.call('HGET', KEYS[1], ARGV[1])
local value = tonumber(ARGV[2])
if old then
  local before = tonumber(string.match(old, '^%S+'))
  value = before + (value - before) * (1 - (1 - tonumber(ARGV[4])) ^ tonumber(ARGV[3]))
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], value .. ' ' .. time[1])
return tostring(value)
