-- include: record.lua
-- Commits the outcome of a job of one call: state, result, attempt, usage, cost, events and notices change together, once.
-- KEYS: job, call, events, unfinished
-- ARGV: job id, attempt, run, channel prefix, state, result or '', error JSON or '', attempt record JSON, model, provider,
--       usage: input, output, cached, reasoning, nano-dollars
-- Returns 'committed' | 'refused'
local job_id, attempt, run, state = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[4])
if not ctx or TERMINAL[ctx.state] or not is_current(KEYS[2], attempt, run) then return 'refused' end

redis.call('HSET', KEYS[2], 'attempt:' .. attempt, ARGV[8])
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
add_usage(KEYS[1], { ARGV[11], ARGV[12], ARGV[13], ARGV[14], ARGV[15] })

local fields = { 'model', ARGV[9], 'provider', ARGV[10] }
local body = ARGV[6]
if state == 'completed' then
  fields[5], fields[6] = 'result', ARGV[6]
else
  body = ARGV[7]
  fields[5], fields[6] = 'error', ARGV[7]
  if ctx.keep == '1' or ctx.readers ~= '' then log_event(ctx, 'attempt.failed', ARGV[8]) end
end
end_job(ctx, KEYS[2], KEYS[4], state, fields, body)
return 'committed'
