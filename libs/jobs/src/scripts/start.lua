-- include: record.lua
-- include: turn.lua
-- What an attempt had to wait for has come: it is about to be sent.
-- KEYS: job, call, events, unfinished, order of the pool   ARGV: job id, attempt, run, channel prefix, turn
-- Returns 'ok' | 'refused' | 'stop' (nothing was started: cancellation was asked for)
local job_id, attempt, run = ARGV[1], ARGV[2], ARGV[3]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[4])
if not ctx or TERMINAL[ctx.state] or not is_current(KEYS[2], attempt, run) then return 'refused' end
if ctx.cancel_requested_at then return 'stop' end
local f = redis.call('HMGET', KEYS[2], 'plan', 'index', 'step', 'paid')
local now = now_ms()
start_attempt(ctx, attempt, f[1], f[2], now, f[3])
serve_turn(KEYS[5], tonumber(ARGV[5]), f[4])
count_start(KEYS[5], now)
return 'ok'
