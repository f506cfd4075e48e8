-- A graph as it stands, at one moment: its job, its steps, and the newest call of each that is in progress.
-- KEYS: job, steps   ARGV: prefix of the keys of calls
-- Returns {state, project, info, priority, deadline, totals}, {field, value …} of the steps, {step, {outcome, result, error, plan,
--         index, attempt, streamed, parent} …}
local steps, calls = redis.call('HGETALL', KEYS[2]), {}
for i = 1, #steps, 2 do
  local step = steps[i + 1] == 'in_progress' and string.match(steps[i], '^state:(.+)$')
  if step then
    local call_id = redis.call('HGET', KEYS[2], 'call:' .. step)
    calls[#calls + 1] = step
    calls[#calls + 1] = redis.call('HMGET', ARGV[1] .. call_id, 'outcome', 'result', 'error', 'plan', 'index', 'attempt', 'streamed',
      'parent')
  end
end
return { redis.call('HMGET', KEYS[1], 'state', 'project', 'info', 'priority', 'deadline', 'totals'), steps, calls }
