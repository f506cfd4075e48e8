-- include: record.lua
-- The reconciler looks at one unfinished job whose time to be looked at has come, and settles what needs no queue.
-- KEYS: job, call, events, unfinished
-- ARGV: job id, channel prefix, presence prefix, stops channel, shortest interval ms, longest interval ms, grace ms
-- Returns {'gone'} | {'ended', state} | {'waiting', attempt, pool}: the caller checks that the queue has that attempt
--       | {'graph'}: the caller checks that the queues have its steps and their attempts
local job_id = ARGV[1]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[2])
if not ctx or TERMINAL[ctx.state] then
  redis.call('ZREM', KEYS[4], job_id)
  return { 'gone' }
end

local now = now_ms()
local running = is_running(ctx, KEYS[2])

if ctx.deadline <= now then
  -- The worker that runs it watches the deadline itself; past the grace period it is taken for lost.
  if not running or ctx.deadline + tonumber(ARGV[7]) <= now then
    end_expired(ctx, KEYS[2], KEYS[4])
    return { 'ended', 'expired' }
  end
  redis.call('PUBLISH', ARGV[4], job_id)
end

local job = redis.call('HMGET', KEYS[1], 'owner', 'created_at')
if job[1] and redis.call('EXISTS', ARGV[3] .. job[1]) == 0 then
  -- A synchronous job whose API process is gone: nobody is waiting for it.
  if not running then
    end_cancelled(ctx, KEYS[2], KEYS[4])
    return { 'ended', 'cancelled' }
  end
  if not ctx.cancel_requested_at then
    ctx.cancel_requested_at = int(now)
    redis.call('HSET', KEYS[1], 'cancel_requested_at', int(now))
  end
end
-- Said again, in case the worker did not hear it.
if ctx.cancel_requested_at and running then redis.call('PUBLISH', ARGV[4], job_id) end

-- The older a job, the rarer the look: a million waiting jobs must not keep Redis busy.
local interval = math.min(math.max((now - tonumber(job[2])) / 10, tonumber(ARGV[5])), tonumber(ARGV[6]))
local look_at = now + interval
if ctx.deadline > now then look_at = math.min(look_at, ctx.deadline) end
redis.call('ZADD', KEYS[4], int(look_at), job_id)
if ctx.steps_key then return { 'graph' } end
return { 'waiting', tonumber(redis.call('HGET', KEYS[2], 'attempt')), current_pool(KEYS[2]) }
