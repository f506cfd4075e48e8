-- include: budgets.lua
-- What a job counts in the budgets of its key and project.

-- Counts that a job holds so much more (or less) and has spent so much. False when a budget has no room for it: then no more is
-- reserved, but what was spent is spent.
local function count_budgets(ctx, reserve, spend)
  if not ctx.budget or (reserve == 0 and spend == 0) then return true end
  local names = {}
  for name in string.gmatch(ctx.budget, '%S+') do names[#names + 1] = name end
  local levels_key = table.remove(names, 1)
  local budgets = read_budgets(levels_key, names)
  local fits = have_room(budgets, reserve + spend)
  if not fits and reserve > 0 then return false end
  for _, budget in ipairs(budgets) do
    budget.reserved, budget.spent = budget.reserved + reserve, budget.spent + spend
  end
  write_budgets(levels_key, budgets)
  if reserve ~= 0 then
    ctx.reserved = ctx.reserved + reserve
    redis.call('HSET', ctx.job_key, 'reserved', string.format('%.0f', ctx.reserved))
  end
  return fits
end

-- Counts what a step's call has spent, and gives back what was reserved for it.
local function settle_call(ctx, call_key, spend)
  if not ctx.budget then return end
  local held = tonumber(redis.call('HGET', call_key, 'reserved') or '0')
  count_budgets(ctx, -math.min(held, ctx.reserved), spend)
end
