-- The order within a pool: virtual start tags. A tag is a BullMQ priority, the lowest first.
-- Each class of each key is a line of its own: a job of a higher class overtakes the lower ones of its own key, too.
-- Fields of an order: virtual_time, key:<key and class> (the last tag handed out, a real number), slot, started, started_before

-- BullMQ allows no more; beyond it arrival decides.
local LAST_TURN = 2097151

-- The next turn of a key and class: behind its own last one, and not before those that are served now.
local function take_turn(order_key, waiting_key, delayed_key, key, step)
  local f = redis.call('HMGET', order_key, 'virtual_time', 'key:' .. key)
  if redis.call('ZCARD', waiting_key) == 0 and redis.call('ZCARD', delayed_key) == 0 then
    -- Nobody waits: time begins anew, which keeps the numbers small, and nothing need be written for whoever comes first.
    if f[1] or f[2] then redis.call('DEL', order_key) end
    return math.max(math.ceil(step), 1)
  end
  local tag = math.max(tonumber(f[1] or '0'), tonumber(f[2] or '0')) + step
  redis.call('HSET', order_key, 'key:' .. key, string.format('%.4f', tag))
  return math.min(math.max(math.ceil(tag), 1), LAST_TURN)
end

-- The turn that somebody who has had none yet would get; nobody's next one comes later for it.
local function newcomers_turn(order_key, step)
  local tag = tonumber(redis.call('HGET', order_key, 'virtual_time') or '0') + step
  return math.min(math.max(math.ceil(tag), 1), LAST_TURN)
end

-- An attempt of this turn is served: those that come now line up behind it. Not one that was only taken: many are, and given back,
-- wherever a limit is reached. For a paid call time has passed already, when its graph's first one was served; and the first turns of a
-- pool are not worth a write.
local FIRST_TURNS = 16
local function serve_turn(order_key, turn, paid)
  if paid or turn <= FIRST_TURNS then return end
  local now = tonumber(redis.call('HGET', order_key, 'virtual_time') or '0')
  if turn > now then redis.call('HSET', order_key, 'virtual_time', turn) end
end

-- Counts starts in slots of ten seconds: the last whole one and the current one tell how fast the pool is served.
local SLOT_MS = 10000
local function count_start(order_key, now)
  local slot = math.floor(now / SLOT_MS)
  local f = redis.call('HMGET', order_key, 'slot', 'started')
  if tonumber(f[1] or '0') == slot then
    redis.call('HINCRBY', order_key, 'started', 1)
  else
    local before = tonumber(f[1] or '0') == slot - 1 and f[2] or 0
    redis.call('HSET', order_key, 'slot', slot, 'started', 1, 'started_before', before)
  end
end
