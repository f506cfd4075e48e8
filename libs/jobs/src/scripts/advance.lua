-- include: record.lua
-- Ends an attempt and opens the next one: a hop, a retry, a wait, or work given back at shutdown. One that has spent something is
-- followed by another only where the budgets have room for both. One whose job has ended meanwhile is recorded, and that is all.
-- KEYS: job, call, events, unfinished
-- ARGV: job id, attempt, run, channel prefix, next index, used, tries, attempt record JSON or '', look_at,
--       failures JSON, usage: input, output, cached, reasoning, nano-dollars, cache writes,
--       the pool that the next attempt already holds a ticket of, or '', the attempt in the ledger (JSON) or ''
-- Returns {'advanced', next attempt} | {'refused'} | {'finished', state}
local job_id, attempt, run = ARGV[1], ARGV[2], ARGV[3]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[4])
if not ctx or not is_current(KEYS[2], attempt, run) then return { 'refused' } end
if TERMINAL[ctx.state] then
  if ARGV[8] ~= '' then record_late(ctx, KEYS[2], attempt, { record = ARGV[8], entry = ARGV[18], first = 11 }) end
  return { 'finished', ctx.state }
end

local next_attempt = tonumber(attempt) + 1
local fits = true
if ARGV[8] ~= '' then
  -- Work given back has waited since it was enqueued, and goes on waiting.
  redis.call('HSET', KEYS[2], 'enqueued_at', int(now_ms()))
  redis.call('HSET', KEYS[2], 'attempt:' .. attempt, ARGV[8])
  ctx.totals = add_attempt(ctx.totals, 11)
  redis.call('HSET', KEYS[1], 'totals', ctx.totals)
  -- What is reserved stays, for the next one.
  fits = count_budgets(ctx, 0, tonumber(ARGV[15]))
  log_event(ctx, 'attempt.failed', ARGV[8])
  if ctx.ledger then append_ledger(ctx, ARGV[18]) end
end

if not fits and not ctx.cancel_requested_at then
  give_up(ctx, KEYS[2], KEYS[4], 'budget_exceeded', 'The attempt has spent something, and no budget is left for another one.')
  return { 'finished', ctx.state }
end

local streamed = redis.call('HGET', KEYS[2], 'streamed')
if has_streamed(streamed) then log_event(ctx, 'output.reset', '{"attempt":' .. next_attempt .. ',"reason":"attempt_failed"}') end
redis.call('HDEL', KEYS[2], 'run', 'ticket')
if ARGV[17] ~= '' then redis.call('HSET', KEYS[2], 'ticket', ARGV[17]) end
redis.call('HSET', KEYS[2], 'attempt', next_attempt, 'index', ARGV[5], 'used', ARGV[6], 'tries', ARGV[7],
  'failures', ARGV[10], 'streamed', '0')
redis.call('ZADD', KEYS[4], int(math.min(ctx.deadline, tonumber(ARGV[9]))), job_id)

-- Asked for while this attempt ran: no need to queue another.
if ctx.cancel_requested_at and (end_if_due(ctx, KEYS[2], KEYS[4]) or ctx.steps_key) then return { 'finished', ctx.state } end
return { 'advanced', next_attempt }
