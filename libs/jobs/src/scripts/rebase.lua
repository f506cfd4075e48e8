-- Takes the time that has passed off every tag of a pool, so that tags stay far below what BullMQ can count. The order stays.
-- KEYS: order, waiting, delayed   ARGV: rebase from this time on, most attempts to touch, prefix of BullMQ's job keys
-- Returns 1 when it was done
local now = tonumber(redis.call('HGET', KEYS[1], 'virtual_time') or '0')
if now < tonumber(ARGV[1]) then return 0 end
if redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]) > tonumber(ARGV[2]) then return 0 end
local base = now - 1

-- BullMQ's score is the priority times 2^32, and a counter.
local waiting = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #waiting, 2 do
  local score = tonumber(waiting[i + 1])
  local turn = math.floor(score / 4294967296)
  local rebased = math.max(turn - base, 1)
  redis.call('ZADD', KEYS[2], string.format('%.0f', score - (turn - rebased) * 4294967296), waiting[i])
  redis.call('HSET', ARGV[3] .. waiting[i], 'priority', rebased)
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local turn = tonumber(redis.call('HGET', ARGV[3] .. id, 'priority') or '1')
  redis.call('HSET', ARGV[3] .. id, 'priority', math.max(turn - base, 1))
end

local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 4) == 'key:' then
    redis.call('HSET', KEYS[1], fields[i], string.format('%.4f', math.max(tonumber(fields[i + 1]) - base, 0)))
  end
end
redis.call('HSET', KEYS[1], 'virtual_time', 1)
return 1
