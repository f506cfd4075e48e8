-- include: budgets.lua
-- Brings what is spent of budgets up to what is on record elsewhere; never down, because the record may be behind.
-- KEYS: levels   ARGV: until when they live (ms), then of each rule: the field of its level, limit, spent by the record
local names, limits, recorded = {}, {}, {}
for i = 2, #ARGV, 3 do
  names[#names + 1], limits[#limits + 1], recorded[#recorded + 1] = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
end
local budgets = read_budgets(KEYS[1], names)
for i, budget in ipairs(budgets) do
  budget.known, budget.limit, budget.spent = true, limits[i], math.max(budget.spent, recorded[i])
end
write_budgets(KEYS[1], budgets)
if redis.call('PEXPIRETIME', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
