-- include: record.lua
-- Cancels a job: at once when nothing runs, else by asking the worker that runs it.
-- KEYS: job, call, events, unfinished   ARGV: job id, channel prefix, stops channel
-- Returns 'missing' | 'finished' | 'cancelled' | 'requested'
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
if not ctx then return 'missing' end
if TERMINAL[ctx.state] then return 'finished' end
if not is_running(ctx, KEYS[2]) then
  end_cancelled(ctx, KEYS[2], KEYS[4])
  return 'cancelled'
end
if not ctx.cancel_requested_at then
  redis.call('HSET', KEYS[1], 'cancel_requested_at', int(now_ms()))
end
redis.call('PUBLISH', ARGV[3], ARGV[1])
-- The reconciler says it again should the worker not have heard.
redis.call('ZADD', KEYS[4], 'LT', int(now_ms() + 3000), ARGV[1])
return 'requested'
