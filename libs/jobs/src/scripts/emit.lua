-- include: record.lua
-- Appends streamed output, if the run may still write. Sent again because Redis was away before it answered, it appends nothing.
-- KEYS: job, call, events   ARGV: job id, attempt, run, channel prefix, delta JSON, number of this delta
-- Returns 'ok' | 'refused' | 'stop' (cancellation was asked for)
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[4])
if not ctx or TERMINAL[ctx.state] or not is_current(KEYS[2], ARGV[2], ARGV[3]) then return 'refused' end
if redis.call('HGET', KEYS[2], 'streamed') ~= ARGV[6] then
  redis.call('HSET', KEYS[2], 'streamed', ARGV[6])
  log_event(ctx, 'output.delta', ARGV[5])
end
if ctx.cancel_requested_at then return 'stop' end
return 'ok'
