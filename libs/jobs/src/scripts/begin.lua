-- include: record.lua
-- include: turn.lua
-- A worker asks to run an attempt; the answer makes it this attempt's newest run, or tells it why not. Whether it also starts, or
-- has to wait for something first (see start.lua), the worker says.
-- KEYS: job, call, events, unfinished, order of the pool
-- ARGV: job id, attempt, run, channel prefix, most crashes, '1' to start at once, turn of the attempt
-- Returns {'run', request, plan, index, used, tries, waited ms, deadline, read live, synchronous stream, failures,
--          ticket or '', step or '', counted in budgets}
--       | {'superseded', newest attempt, its pool, begun} | {'finished', state} | {'gone'}
local job_id, attempt, run = ARGV[1], ARGV[2], ARGV[3]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[4])
if not ctx then return { 'gone' } end
if TERMINAL[ctx.state] then return { 'finished', ctx.state } end

local f = redis.call('HMGET', KEYS[2], 'attempt', 'run', 'crashes', 'streamed', 'request', 'plan', 'index', 'used', 'tries', 'enqueued_at', 'failures', 'ticket',
  'outcome', 'step', 'paid')
local newest = tonumber(f[1])
if not newest or tonumber(attempt) > newest then return { 'gone' } end
if f[13] then return { 'finished', f[13] } end
if tonumber(attempt) < newest then
  return { 'superseded', newest, current_pool(KEYS[2]), f[2] and 1 or 0 }
end

local now = now_ms()
local taken_over = f[2] and f[2] ~= run
if taken_over then record_crash(ctx, KEYS[2], attempt) end
if ctx.deadline <= now or ctx.cancel_requested_at then
  -- The run before this one, if there was one, is over.
  redis.call('HDEL', KEYS[2], 'run')
  end_if_due(ctx, KEYS[2], KEYS[4])
  return { 'finished', ctx.state }
end

if taken_over and ended_by_crash(ctx, KEYS[2], KEYS[4], attempt, f[4], ARGV[5]) then return { 'finished', ctx.state } end

redis.call('HSET', KEYS[2], 'run', run)
if ARGV[6] == '1' then
  start_attempt(ctx, attempt, f[6], f[7], now, f[14])
  serve_turn(KEYS[5], tonumber(ARGV[7]), f[15])
  count_start(KEYS[5], now)
end

return { 'run', f[5], f[6], f[7] or '0', f[8] or '0', f[9] or '0', math.max(now - tonumber(f[10]), 0), int(ctx.deadline),
  ctx.readers ~= '' and 1 or 0, ctx.sync_stream and 1 or 0, f[11] or '[]',
  not taken_over and f[12] or '', f[14] or '', ctx.budget and 1 or 0 }
