-- Notes what keeps a delivery from being tried; nothing when it has ended, or was begun anew.
-- KEYS: delivery   ARGV: round, what it waits for
-- Returns for how long it has waited without a try in between (ms), or -1 when nothing was written.
local f = redis.call('HMGET', KEYS[1], 'status', 'round', 'held_since')
if f[1] ~= 'pending' or (f[2] or '1') ~= ARGV[1] then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'held_by', ARGV[2], 'held_since', f[3] or string.format('%.0f', now))
return f[3] and now - tonumber(f[3]) or 0
