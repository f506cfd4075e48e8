-- Says how it is with the vault. The epoch grows with each word of it, and is never behind the clock: a Redis that lost its data goes
-- on after what it said before.
-- KEYS[1] hash: epoch, state, mode, at (ms)
-- ARGV[1] state   ARGV[2] mode, empty without a vault   ARGV[3] always, unlessLocked, or after: only where ARGV[4] is the epoch of what is
-- said, or is empty and nothing is
-- Returns the epoch, and 1 when this was said, else 0.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if ARGV[3] == 'after' and (epoch or '') ~= ARGV[4] then return { epoch or '0', 0 } end
if ARGV[3] == 'unlessLocked' and redis.call('HGET', KEYS[1], 'state') == 'locked' then return { epoch or '0', 0 } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local nextEpoch = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, now))
redis.call('HSET', KEYS[1], 'epoch', nextEpoch, 'state', ARGV[1], 'mode', ARGV[2], 'at', now)
return { nextEpoch, 1 }
