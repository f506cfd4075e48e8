-- include: budgets.lua
-- Holds the jobs that were made in some windows to other limits than they were made under: what they top up is judged by these.
-- KEYS: levels   ARGV: of each rule: the field of its level, limit. Windows in which no job was made stay unknown.
local names, limits = {}, {}
for i = 1, #ARGV, 2 do
  names[#names + 1], limits[#limits + 1] = ARGV[i], tonumber(ARGV[i + 1])
end
local budgets = read_budgets(KEYS[1], names)
for i, budget in ipairs(budgets) do budget.limit = limits[i] end
write_budgets(KEYS[1], budgets)
