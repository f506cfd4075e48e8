-- include: record.lua
-- Appends streamed output, if the run may still write.
-- KEYS: job, call, events   ARGV: job id, attempt, run, channel prefix, delta JSON
-- Returns 'ok' | 'refused' | 'stop' (cancellation was asked for)
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[4])
if not ctx or TERMINAL[ctx.state] or not is_current(KEYS[2], ARGV[2], ARGV[3]) then return 'refused' end
redis.call('HSET', KEYS[2], 'streamed', '1')
log_event(ctx, 'output.delta', ARGV[5])
if ctx.cancel_requested_at then return 'stop' end
return 'ok'
