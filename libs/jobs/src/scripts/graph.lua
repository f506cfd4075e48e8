-- A graph as it stands, at one moment: its job, its steps, and the newest call of each that is in progress.
-- Answers {state, project, info, priority, deadline, totals}, {field, value …} of the steps, {step, {outcome, result, error, plan, index,
-- attempt, streamed, parent} …}
local function read_graph(job_key, steps_key, call_prefix)
  local steps, calls = redis.call('HGETALL', steps_key), {}
  for i = 1, #steps, 2 do
    local step = steps[i + 1] == 'in_progress' and string.match(steps[i], '^state:(.+)$')
    if step then
      local call_id = redis.call('HGET', steps_key, 'call:' .. step)
      calls[#calls + 1] = step
      calls[#calls + 1] = redis.call('HMGET', call_prefix .. call_id, 'outcome', 'result', 'error', 'plan', 'index', 'attempt', 'streamed',
        'parent')
    end
  end
  return { redis.call('HMGET', job_key, 'state', 'project', 'info', 'priority', 'deadline', 'totals'), steps, calls }
end
