-- include: record.lua
-- include: graph.lua
-- Commits the outcome of one call of a graph: the attempt, its usage and its cost, and what the step will read. What was spent is
-- recorded even when the job has ended meanwhile.
-- KEYS, ARGV: as of finish-job; then the prefix of the keys of calls
-- Returns {'committed', the graph (see graph.lua), unless the job is over} | {'refused'}
local job_id, attempt, run, state = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local ctx = open_job(KEYS[1], KEYS[3], job_id, ARGV[4])
if not ctx or not is_current(KEYS[2], attempt, run) then return { 'refused' } end

redis.call('HSET', KEYS[2], 'attempt:' .. attempt, ARGV[8])
ctx.totals = add_attempt(ctx.totals, 11)
redis.call('HSET', KEYS[1], 'totals', ctx.totals)
if ctx.ledger then append_ledger(ctx, ARGV[18], nil, TERMINAL[ctx.state]) end
local completed = state == 'completed'
end_call(ctx, KEYS[2], state, {
  field = completed and 'result' or 'error', value = completed and ARGV[6] or ARGV[7], spend = tonumber(ARGV[15]),
})
if TERMINAL[ctx.state] then return { 'committed' } end
if state ~= 'completed' then log_event(ctx, 'attempt.failed', ARGV[8]) end
-- The worker's clock and timers may be ahead of ours: a call that was stopped for its deadline is no call to go on from.
if state == 'expired' then ctx.deadline = 0 end
if state == 'cancelled' and ctx.deadline > now_ms() then ctx.cancel_requested_at = ctx.cancel_requested_at or int(now_ms()) end
if end_if_due(ctx, KEYS[2], KEYS[4]) then return { 'committed' } end
return { 'committed', read_graph(KEYS[1], ctx.steps_key, ARGV[19]) }
