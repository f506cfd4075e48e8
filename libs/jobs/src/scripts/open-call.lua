-- include: record.lua
-- include: settle.lua
-- include: turn.lua
-- Opens a step's next call: its first, or one more because an answer could not be used.
-- KEYS: job, steps, call, events, unfinished, then of the first candidate's pool: order, waiting, delayed; then the calls
--       of the steps after which this one comes
-- ARGV: job id, channel prefix, step, which of the step's calls this is, its id, look_at, the key and class whose turn it takes, its
--       step, how many calls pay for their turns at once, the pool, started event JSON, what is kept of the call (JSON), how much more
--       it reserves of the budgets than was planned for it, the steps after which this one comes (see settle.lua), then call pairs …
-- Returns {'opened', turn} | {'known'} (somebody else was first) | {'finished', state} | {'gone'}
--       | {'over_budget'}: nothing was written
local job_id, step, number = ARGV[1], ARGV[3], tonumber(ARGV[4])
local ctx = open_job(KEYS[1], KEYS[4], job_id, ARGV[2])
if not ctx then return { 'gone' } end
if TERMINAL[ctx.state] then return { 'finished', ctx.state } end
local rest = may_settle(KEYS[2], 14)
if not rest then return { 'known' } end
if is_due(ctx, '') then
  settle_steps(ctx, KEYS[2], 9, 14)
  end_if_due(ctx, '', KEYS[5])
  return { 'finished', ctx.state }
end

local f = redis.call('HMGET', KEYS[2], 'state:' .. step, 'number:' .. step, 'calls', 'paid')
if (f[1] ~= 'pending' and f[1] ~= 'in_progress') or number ~= tonumber(f[2] or '0') + 1 then return { 'known' } end
local more = tonumber(ARGV[13])
if not count_budgets(ctx, more < 0 and -math.min(-more, ctx.reserved) or more, 0) then return { 'over_budget' } end

settle_steps(ctx, KEYS[2], 9, 14)
redis.call('HSET', KEYS[3], 'step', step, 'attempt', 1, 'enqueued_at', int(now_ms()), unpack(ARGV, rest))
redis.call('HSET', KEYS[2], 'state:' .. step, 'in_progress', 'number:' .. step, number, 'call:' .. step, ARGV[5],
  'ask:' .. step, ARGV[12],
  'calls', f[3] and f[3] .. ' ' .. KEYS[3] or KEYS[3])
redis.call('ZADD', KEYS[5], int(math.min(ctx.deadline, tonumber(ARGV[6]))), job_id)
if number == 1 then
  redis.call('HSET', KEYS[2], 'started:' .. step, int(now_ms()))
  log_event(ctx, 'step.started', ARGV[11])
end
-- A call whose turn was paid for with the first one comes as somebody new of its class would: before the graphs that wait, and
-- behind those of a higher class, however many graphs are under way.
if f[4] == ARGV[10] then
  redis.call('HSET', KEYS[3], 'paid', '1')
  return { 'opened', newcomers_turn(KEYS[6], tonumber(ARGV[8])) }
end
local calls = f[4] and 1 or tonumber(ARGV[9])
if calls > 1 then redis.call('HSET', KEYS[2], 'paid', ARGV[10]) end
return { 'opened', take_turn(KEYS[6], KEYS[7], KEYS[8], ARGV[7], tonumber(ARGV[8]) * calls) }
