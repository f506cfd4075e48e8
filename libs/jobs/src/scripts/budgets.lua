-- Budgets: what the jobs that were made in a day or a month may cost together. A job knows which levels it counts in and what it holds of
-- each of them; both from its creation to its end, so that it never belongs to two days.
-- Fields of the levels of a month: <whose>/<day or month> = '<reserved> <spent> <limit>' in nano-dollars, the limit as it was
-- when a job was last made

-- The levels of these names. One that is not known has expired: its window is long over, and nothing of it is kept.
local function read_budgets(levels_key, names)
  local budgets = {}
  for i, value in ipairs(redis.call('HMGET', levels_key, unpack(names))) do
    local reserved, spent, limit = string.match(value or '', '^(%S+) (%S+) (%S+)$')
    budgets[i] = {
      name = names[i], known = reserved ~= nil, reserved = tonumber(reserved or '0'), spent = tonumber(spent or '0'),
      limit = tonumber(limit or '0'),
    }
  end
  return budgets
end

-- True when so much more may be reserved of every one.
local function have_room(budgets, more)
  for _, budget in ipairs(budgets) do
    if budget.known and budget.reserved + budget.spent + more > budget.limit then return false end
  end
  return true
end

local function write_budgets(levels_key, budgets)
  local values = {}
  for _, budget in ipairs(budgets) do
    if budget.known then
      values[#values + 1] = budget.name
      values[#values + 1] = string.format('%.0f %.0f %.0f', budget.reserved, budget.spent, budget.limit)
    end
  end
  if #values > 0 then redis.call('HSET', levels_key, unpack(values)) end
end
