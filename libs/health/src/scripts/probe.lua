-- Lets one attempt through to a provider (or a model) whose cool-down has passed; the next one has to wait for another cool-down,
-- unless this one succeeds.
-- KEYS: health   ARGV: cool-down ms
-- Returns {'open'} | {'probe', ms until the next probe} | {'closed', ms until the next probe}
local down_until = tonumber(redis.call('HGET', KEYS[1], 'down_until') or '0')
if down_until == 0 then return { 'open' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < down_until then return { 'closed', down_until - now } end
redis.call('HSET', KEYS[1], 'down_until', string.format('%.0f', now + tonumber(ARGV[1])))
return { 'probe', tonumber(ARGV[1]) }
