-- include: gate.lua
-- include: window.lua
-- Hands out the time at which a call may start: never a refusal, as long as the calls before it are not too far ahead of the pace.
-- Each unit of each scope keeps one number, the time at which its pace has caught up with all that was handed out (GCRA's
-- theoretical arrival time).
-- KEYS: gate of the pool, BullMQ's hash of its queue, then one hash per scope
-- ARGV: rate at which nothing is held back, its ms, horizon ms, longest wait ms that is spent outside the queue, then per unit: place of its scope's key, unit, ms per unit of cost, tolerance ms, cost, what of it is not small
-- Returns {'due', ms to wait} | {'later', ms until it pays to ask again}; either may have closed the gate.
local horizon = tonumber(ARGV[3])
-- Workers are called back so long before the pace has caught up: some of them notice only a little later.
local lead = 0.75 * horizon
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local WEIGHT = 0.1
local units, ahead, wait = {}, 0, 0
for i = 5, #ARGV, 6 do
  local unit = {
    key = KEYS[tonumber(ARGV[i])], name = ARGV[i + 1], pace = tonumber(ARGV[i + 2]), tolerance = tonumber(ARGV[i + 3]),
    cost = tonumber(ARGV[i + 4]), excess = tonumber(ARGV[i + 5]),
  }
  local f = redis.call('HMGET', unit.key, unit.name, unit.name .. ':usual')
  unit.free_at = tonumber(f[1] or '0')
  -- What calls cost of late, on average.
  unit.usual = (1 - WEIGHT) * tonumber(f[2] or unit.cost) + WEIGHT * unit.cost
  units[#units + 1] = unit
  ahead = math.max(ahead, unit.free_at - unit.tolerance - now)
  -- A large call first saves up what it takes beyond a small one's share.
  wait = math.max(wait, unit.free_at + unit.excess * unit.pace - unit.tolerance - now)
end

-- Judged by the calls before, whatever this one's size: otherwise large ones would never start among small ones.
if ahead > horizon then
  close_gate(KEYS[1], ahead - lead)
  return { 'later', math.ceil(ahead - lead) }
end

local due, after, busiest = now + wait, 0, nil
for _, unit in ipairs(units) do
  local free_at = math.max(due, unit.free_at) + unit.cost * unit.pace
  redis.call('HSET', unit.key, unit.name, string.format('%.3f', free_at), unit.name .. ':usual', string.format('%.3f', unit.usual))
  add_to_window(unit.key, unit.name, unit.cost, now)
  redis.call('PEXPIRE', unit.key, math.ceil(math.max(free_at - now, 0)) + 80000)
  if free_at - unit.tolerance - now > after then after, busiest = free_at - unit.tolerance - now, unit end
end
-- What workers take from the queue beyond its pace they would only have to give back. Half as much again is for calls that cost less.
if after > horizon then
  local each = math.max(busiest.usual * busiest.pace, 0.001)
  redis.call('HSET', KEYS[2], 'max', math.ceil(1.5 * (horizon - lead) / each) + 1, 'duration', horizon - lead)
elseif ahead <= 0 and redis.call('HGET', KEYS[2], 'max') ~= ARGV[1] then
  redis.call('HSET', KEYS[2], 'max', ARGV[1], 'duration', ARGV[2])
end
-- The gate opens while the last of those that hold a ticket still wait; and in time for one that waits in the queue.
if wait > tonumber(ARGV[4]) then
  close_gate(KEYS[1], wait)
elseif after > horizon then
  close_gate(KEYS[1], after - lead)
end
return { 'due', math.ceil(wait) }
