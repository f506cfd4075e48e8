-- include: budgets.lua
-- Brings what is spent of budgets to what is known from elsewhere: up to what is on record, never down, because the record may be behind; or
-- to what an administrator says.
-- KEYS: levels   ARGV: until when they live (ms), '1' to set it as it is said, then of each rule: the field of its level, limit, spent
local names, limits, known = {}, {}, {}
for i = 3, #ARGV, 3 do
  names[#names + 1], limits[#limits + 1], known[#known + 1] = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
end
local budgets = read_budgets(KEYS[1], names)
for i, budget in ipairs(budgets) do
  local spent = ARGV[2] == '1' and known[i] or math.max(budget.spent, known[i])
  budget.known, budget.limit, budget.spent = true, limits[i], spent
end
write_budgets(KEYS[1], budgets)
if redis.call('PEXPIRETIME', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
