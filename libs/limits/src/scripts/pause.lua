-- include: gate.lua
-- Pauses a pool because its provider refused a request for its rate limit. A pause only ever lengthens.
-- KEYS: gate, strikes, pause   ARGV: wanted ms, least ms, most ms, age of the refused request in ms
-- Returns {ms for which the pool now stays paused, strikes}
local wanted, least, most, age = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Requests that were in flight together are refused together: only one sent after the last refusal counts anew.
local f = redis.call('HMGET', KEYS[2], 'count', 'at')
local strikes = tonumber(f[1] or '0')
if strikes == 0 or now - age >= tonumber(f[2]) then
  strikes = strikes + 1
  redis.call('HSET', KEYS[2], 'count', strikes, 'at', string.format('%.0f', now))
end

-- A provider that names no time, or a wrong one, is asked ever more rarely.
local ms = math.floor(math.min(most, math.max(wanted, least * 2 ^ math.min(strikes - 1, 20))))
redis.call('PEXPIRE', KEYS[2], 2 * most)

local left = math.max(redis.call('PTTL', KEYS[3]), 0)
if left < ms then
  redis.call('SET', KEYS[3], '1', 'PX', ms)
  left = ms
end
close_gate(KEYS[1], left)
return { left, strikes }
