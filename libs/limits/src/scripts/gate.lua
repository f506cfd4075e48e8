-- Keeps workers from taking attempts from a pool for so many milliseconds, by the counter of its queue's rate limit. BullMQ takes
-- the counter as full from its limit on; the number is the one that it writes itself. A gate is only ever closed for longer,
-- and never for so long that a limit that was raised meanwhile would not be noticed.
local FULL = '9007199254740991'
local LONGEST_CLOSE = 30000
local function close_gate(gate, ms)
  ms = math.min(ms, LONGEST_CLOSE)
  if ms < 1 then return end
  local left = redis.call('GET', gate) == FULL and redis.call('PTTL', gate) or 0
  if left < ms then redis.call('SET', gate, FULL, 'PX', math.ceil(ms)) end
end
