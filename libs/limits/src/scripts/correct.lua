-- include: window.lua
-- A provider says how much of a limit is left. Where that is little, and less than our own calls explain, others use it, too (or
-- it counts more than we do): calls wait until there is room again. Never lets a call start earlier.
-- KEYS: hash of the scope
-- ARGV: unit, limit, remaining, age in ms of the call that was told so, share of the limit that is kept free
-- Returns 1 when something was corrected
local unit, limit, remaining = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

-- What was sent before the last correction knows nothing of it.
local corrected_at = tonumber(redis.call('HGET', KEYS[1], unit .. ':corrected_at') or '0')
if now - tonumber(ARGV[4]) < corrected_at then return 0 end

local kept_free = tonumber(ARGV[5]) * limit
local foreign = limit - remaining - sum_of_window(KEYS[1], unit, now)
if remaining >= kept_free or foreign <= 0.02 * limit then return 0 end

local free_at = math.max(tonumber(redis.call('HGET', KEYS[1], unit) or '0'), now + (kept_free - remaining) * 60000 / limit)
redis.call('HSET', KEYS[1], unit, string.format('%.3f', free_at), unit .. ':corrected_at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(free_at - now) + 80000)
return 1
