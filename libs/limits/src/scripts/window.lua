-- What was handed out in the last minute, in slots of ten seconds: fields `<unit>@<place>` with the slot's number and its sum.
local SLOT_MS = 10000
local SLOTS = 8

local function add_to_window(key, unit, cost, now)
  local slot = math.floor(now / SLOT_MS)
  local field = unit .. '@' .. slot % SLOTS
  local kept, sum = string.match(redis.call('HGET', key, field) or '', '^(%d+) (%S+)$')
  local before = kept == tostring(slot) and tonumber(sum) or 0
  redis.call('HSET', key, field, string.format('%.0f %.3f', slot, before + cost))
end

-- The sum over sixty to seventy seconds: rather too much than too little.
local function sum_of_window(key, unit, now)
  local oldest, total = math.floor(now / SLOT_MS) - 6, 0
  for place = 0, SLOTS - 1 do
    local slot, sum = string.match(redis.call('HGET', key, unit .. '@' .. place) or '', '^(%d+) (%S+)$')
    if slot and tonumber(slot) >= oldest then total = total + tonumber(sum) end
  end
  return total
end
