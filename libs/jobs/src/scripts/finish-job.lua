-- include: record.lua
-- Commits the outcome of a job of one call: state, result, attempt, usage, cost, events and notices change together, once. Of a job
-- that has ended otherwise only what the attempt has spent is recorded.
-- KEYS: job, call, events, unfinished
-- ARGV: job id, attempt, run, channel prefix, state, result or '', error JSON or '', attempt record JSON, model, provider,
--       usage: input, output, cached, reasoning, nano-dollars, cache writes, dropped fields or '', the attempt in the ledger (JSON)
-- Returns 'committed' | 'refused'
local job_id, attempt, run, state = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[4])
if not ctx or not is_current(KEYS[2], attempt, run) then return 'refused' end
if TERMINAL[ctx.state] then
  record_late(ctx, KEYS[2], attempt, { record = ARGV[8], entry = ARGV[18], first = 11 })
  return 'refused'
end

redis.call('HSET', KEYS[2], 'attempt:' .. attempt, ARGV[8])
ctx.model, ctx.provider, ctx.totals = ARGV[9], ARGV[10], add_attempt(ctx.totals, 11)
ctx.spend, ctx.dropped, ctx.attempt = tonumber(ARGV[15]), ARGV[17], ARGV[18]
local fields = { 'model', ctx.model, 'provider', ctx.provider, 'totals', ctx.totals }
local body = ARGV[6]
if state == 'completed' then
  fields[7], fields[8] = 'result', body
else
  body = ARGV[7]
  fields[7], fields[8] = 'error', body
  log_event(ctx, 'attempt.failed', ARGV[8])
end
end_job(ctx, KEYS[2], KEYS[4], state, fields, body)
return 'committed'
