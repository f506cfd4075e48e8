-- How much of a pool's queue comes before a newcomer, and how fast the queue is served.
-- KEYS: waiting (BullMQ's, by priority), order   ARGV: step of the newcomer
-- Returns {attempts that come before it, slot, started in it, started in the one before}
local f = redis.call('HMGET', KEYS[2], 'virtual_time', 'slot', 'started', 'started_before')
-- BullMQ's score is the priority times 2^32, and a counter.
local turn = tonumber(f[1] or '0') + tonumber(ARGV[1])
local ahead = redis.call('ZCOUNT', KEYS[1], '-inf', string.format('%.0f', (math.ceil(turn) + 1) * 4294967296))
return { ahead, f[2] or '0', f[3] or '0', f[4] or '0' }
