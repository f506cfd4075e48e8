-- include: record.lua
-- include: settle.lua
-- Ends a job that is a graph of steps, with its last steps.
-- KEYS: job, steps, events, unfinished, then the calls of the steps that end with it
-- ARGV: job id, channel prefix, 'completed' | 'failed', result or error JSON, model, provider, output delta JSON or '',
--       '1' when the client reads a stream, stops channel, the steps that end with it (see settle.lua), then those that were not needed …
-- Returns 'committed' | 'refused'
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
if not ctx or TERMINAL[ctx.state] then return 'refused' end
local rest = may_settle(KEYS[2], 10)
if not rest then return 'refused' end
settle_steps(ctx, KEYS[2], 5, 10)
for i = rest, #ARGV do redis.call('HSET', KEYS[2], 'state:' .. ARGV[i], 'skipped') end

local fields = { ARGV[3] == 'completed' and 'result' or 'error', ARGV[4] }
if ARGV[5] ~= '' then
  ctx.model, ctx.provider = ARGV[5], ARGV[6]
  fields[3], fields[4], fields[5], fields[6] = 'model', ARGV[5], 'provider', ARGV[6]
end
-- What became the job's answer only at its end was not streamed before.
if ARGV[7] ~= '' and (ARGV[8] == '1' or ctx.readers ~= '') then log_event(ctx, 'output.delta', ARGV[7]) end
end_job(ctx, '', KEYS[4], ARGV[3], fields, ARGV[4])
-- Only a graph that is given up has calls that still run: nobody will read what they bring.
if ARGV[3] == 'failed' and is_running(ctx, '') then redis.call('PUBLISH', ARGV[9], ARGV[1]) end
return 'committed'
