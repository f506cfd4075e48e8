-- include: turn.lua
-- include: key-limits.lua
-- include: new-budgets.lua
-- Creates a job and its call, unless the idempotency key is taken, a budget or a limit of the key is used up or too much waits for the
-- recorder: then nothing is written.
-- KEYS: job, call (or steps), events, unfinished, project's jobs, idempotency (only used with a fingerprint), then of the first candidate's
--       pool: order, waiting, delayed; first call of a graph; then, of a key with limits: its levels, its unfinished jobs;
--       of one with budgets: their levels; where a history is kept: ledger, bytes that wait for the recorder
-- ARGV: job id, created_at, look_at, keep, fingerprint or '', idempotency ttl ms, the key and class whose turn it takes, its step or
--       '' to take none, the event that a graph's first step has started or '', number of rule values, bytes that may wait for the
--       recorder or '', number of budget values, rules …, budget values (see new-budgets.lua) …, number of job values, job pairs …,
--       number of call or steps values, their pairs …, pairs of a graph's first call …
-- Returns {'created', turn, levels …} | {'replayed', job id, levels …} | {'conflict'} | {'limited', {place of the rule, ms}, levels …}
--       | {'over_budget', {reserved, spent of each rule …}, levels …} | {'full'}

-- What an entry of the ledger takes, roughly.
local ENTRY_BYTES = 400

local job_id, created_at, look_at, keep, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local rule_values, budget_values = tonumber(ARGV[10]), tonumber(ARGV[12])
local rules = read_rules(KEYS[11], KEYS[12], 13, rule_values)
if fingerprint ~= '' then
  local taken = redis.call('GET', KEYS[6])
  if taken then
    local space = string.find(taken, ' ', 1, true)
    if string.sub(taken, space + 1) ~= fingerprint then return { 'conflict' } end
    return with_levels({ 'replayed', string.sub(taken, 1, space - 1) }, rules)
  end
end
if ARGV[11] ~= '' then
  local waiting = redis.call('XLEN', KEYS[#KEYS - 1]) * ENTRY_BYTES + tonumber(redis.call('GET', KEYS[#KEYS]) or '0')
  if waiting >= tonumber(ARGV[11]) then return { 'full' } end
end
local budgets_key = KEYS[rule_values > 0 and 13 or 11]
local budgets = read_new_budgets(budgets_key, 13 + rule_values, budget_values)
if not have_room(budgets, budgets.reserve) then return with_levels({ 'over_budget', figures_of_budgets(budgets) }, rules) end
local place, wait = longest_wait(rules)
if place then return with_levels({ 'limited', { place, wait } }, rules) end

take_charges(KEYS[11], KEYS[12], rules, job_id)
reserve_budgets(budgets_key, budgets)
if fingerprint ~= '' then redis.call('SET', KEYS[6], job_id .. ' ' .. fingerprint, 'PX', ARGV[6]) end

-- Each list of pairs comes after their number.
local function pairs_at(place, key)
  local values = tonumber(ARGV[place])
  redis.call('HSET', key, unpack(ARGV, place + 1, place + values))
  return place + values + 1
end
local rest = pairs_at(pairs_at(13 + rule_values + budget_values, KEYS[1]), KEYS[2])
if rest <= #ARGV then redis.call('HSET', KEYS[10], unpack(ARGV, rest, #ARGV)) end
redis.call('ZADD', KEYS[4], look_at, job_id)
redis.call('ZADD', KEYS[5], created_at, job_id)
if keep == '1' then
  redis.call('XADD', KEYS[3], '0-*', 'type', 'job.queued', 'data', '{"state":"queued"}')
  if ARGV[9] ~= '' then redis.call('XADD', KEYS[3], '0-*', 'type', 'step.started', 'data', ARGV[9]) end
end
if ARGV[8] == '' then return with_levels({ 'created', 0 }, rules) end
return with_levels({ 'created', take_turn(KEYS[7], KEYS[8], KEYS[9], ARGV[7], tonumber(ARGV[8])) }, rules)
