-- include: budgets.lua
-- What a job that is to be made reserves. Its values begin at `first` in ARGV: what it reserves, until when the levels live (ms), then two
-- for each rule: the field of its level, its limit.

local function read_new_budgets(levels_key, first, values)
  if values == 0 then return { reserve = 0 } end
  local names, limits = {}, {}
  for i = first + 2, first + values - 1, 2 do
    names[#names + 1], limits[#limits + 1] = ARGV[i], tonumber(ARGV[i + 1])
  end
  local budgets = read_budgets(levels_key, names)
  for i, budget in ipairs(budgets) do budget.known, budget.limit = true, limits[i] end
  budgets.reserve, budgets.expires_at = tonumber(ARGV[first]), tonumber(ARGV[first + 1])
  return budgets
end

local function reserve_budgets(levels_key, budgets)
  if #budgets == 0 then return end
  for _, budget in ipairs(budgets) do budget.reserved = budget.reserved + budgets.reserve end
  write_budgets(levels_key, budgets)
  if redis.call('PEXPIRETIME', levels_key) < budgets.expires_at then
    redis.call('PEXPIREAT', levels_key, string.format('%.0f', budgets.expires_at))
  end
end

-- Two figures for each: reserved, spent.
local function figures_of_budgets(budgets)
  local figures = {}
  for _, budget in ipairs(budgets) do
    figures[#figures + 1], figures[#figures + 2] = budget.reserved, budget.spent
  end
  return figures
end
