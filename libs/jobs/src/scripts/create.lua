-- include: turn.lua
-- include: key-limits.lua
-- Creates a job and its call, unless the idempotency key is taken or a limit of the key is used up: then nothing is written.
-- KEYS: job, call, events, unfinished, project's jobs, idempotency (only used with a fingerprint), then of the first candidate's
--       pool: order, waiting, delayed; then, of a key with limits: its levels, its unfinished jobs
-- ARGV: job id, created_at, look_at, keep, fingerprint or '', idempotency ttl ms, the key and class whose turn it
--       takes, its step,
--       number of rule values, rules …, number of job values, job pairs …, call pairs …
-- Returns {'created', turn, levels …} | {'replayed', job id, levels …} | {'conflict'} | {'limited', {place of the rule, ms}, levels …}
local job_id, created_at, look_at, keep, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local rule_values = tonumber(ARGV[9])
local rules = read_rules(KEYS[10], KEYS[11], 10, rule_values)
if fingerprint ~= '' then
  local taken = redis.call('GET', KEYS[6])
  if taken then
    local space = string.find(taken, ' ', 1, true)
    if string.sub(taken, space + 1) ~= fingerprint then return { 'conflict' } end
    return with_levels({ 'replayed', string.sub(taken, 1, space - 1) }, rules)
  end
end
local place, wait = longest_wait(rules)
if place then return with_levels({ 'limited', { place, wait } }, rules) end

take_charges(KEYS[10], KEYS[11], rules, job_id)
if fingerprint ~= '' then redis.call('SET', KEYS[6], job_id .. ' ' .. fingerprint, 'PX', ARGV[6]) end

local first = 11 + rule_values
local values = tonumber(ARGV[first - 1])
redis.call('HSET', KEYS[1], unpack(ARGV, first, first + values - 1))
redis.call('HSET', KEYS[2], unpack(ARGV, first + values, #ARGV))
redis.call('ZADD', KEYS[4], look_at, job_id)
redis.call('ZADD', KEYS[5], created_at, job_id)
if keep == '1' then
  redis.call('XADD', KEYS[3], '0-*', 'type', 'job.queued', 'data', '{"state":"queued"}')
end
return with_levels({ 'created', take_turn(KEYS[7], KEYS[8], KEYS[9], ARGV[7], tonumber(ARGV[8])) }, rules)
