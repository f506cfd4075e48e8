-- What the verbs share: the clock, the event log, notices to API processes, and the one way to end a job.
-- Fields of a job:  state, project, priority, info, keep, list, retain_ms, deadline, waiters, readers, idempotency,
--                   totals, hooks, key_jobs, …; of a job that is a graph of steps: steps (the key of their hash); where a history
--                   is kept: ledger ('<stream> <its entries' first members>'), ledger_bytes; of a key or project with budgets:
--                   budget ('<key of the levels> <field of each level> …'), reserved
-- Fields of a call: plan, request, attempt, index, used, tries, failures, run, ticket, crashes, streamed, enqueued_at,
--                   attempt:<n>; of a step's call: step, paid (its turn was, with the graph's first), reserved (its part of the
--                   job's), and once it has ended outcome and result or error

local TERMINAL = { completed = true, failed = true, cancelled = true, expired = true }

-- Where a history is kept, an idempotency key stands for its job for at least so long after the end, wherever the job is by then.
local REPLAY_MS = 86400000

-- Redis's own clock, so that all processes agree.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Integers beyond 1e14 would otherwise be written as 1e+14.
local function int(value)
  return string.format('%.0f', value)
end

local function notify(channel_prefix, processes, header, body)
  if not processes or processes == '' then return end
  local message = cjson.encode(header) .. '\n' .. body
  for process in string.gmatch(processes, '[^,]+') do
    redis.call('PUBLISH', channel_prefix .. process, message)
  end
end

-- Appends to the event stream, and passes the event to the processes that read it live. A job that is neither kept nor
-- read has no stream: nobody could ask for it before it is gone.
local function log_event(ctx, type, data)
  if ctx.keep ~= '1' and ctx.readers == '' then return end
  local id = redis.call('XADD', ctx.events_key, '0-*', 'type', type, 'data', data)
  if ctx.readers ~= '' then
    local seq = tonumber(string.sub(id, 3))
    notify(ctx.channel_prefix, ctx.readers, { kind = 'event', job = ctx.job_id, seq = seq, type = type }, data)
  end
end

-- Reads what the verbs need of a job, all at once; nil when there is no such job.
local function open_job(job_key, events_key, job_id, channel_prefix)
  local f = redis.call('HMGET', job_key, 'state', 'keep', 'readers', 'deadline', 'cancel_requested_at', 'retain_ms',
    'sync_stream', 'waiters', 'idempotency', 'totals', 'model', 'provider', 'list', 'hooks', 'key_jobs',
    'steps', 'ledger', 'budget', 'reserved')
  if not f[1] then return nil end
  return {
    job_key = job_key, events_key = events_key, job_id = job_id, channel_prefix = channel_prefix,
    state = f[1], keep = f[2], readers = f[3] or '', deadline = tonumber(f[4]), cancel_requested_at = f[5],
    retain_ms = tonumber(f[6]), sync_stream = f[7] == '1', waiters = f[8], idempotency = f[9], totals = f[10],
    model = f[11], provider = f[12], list = f[13], hooks = f[14], key_jobs = f[15], steps_key = f[16],
    ledger = f[17], budget = f[18], reserved = tonumber(f[19] or '0'),
  }
end

-- include: job-budgets.lua

-- The keys of a job's calls: its only one, or all that its steps have opened so far.
local function call_keys(ctx, call_key)
  if not ctx.steps_key then return { call_key } end
  local keys = {}
  for key in string.gmatch(redis.call('HGET', ctx.steps_key, 'calls') or '', '%S+') do keys[#keys + 1] = key end
  return keys
end

-- True while a worker runs one of the job's calls.
local function is_running(ctx, call_key)
  for _, key in ipairs(call_keys(ctx, call_key)) do
    if redis.call('HEXISTS', key, 'run') == 1 then return true end
  end
  return false
end

-- A job's totals over its attempts, in one field: attempts, input, output, cached and reasoning tokens, nano-dollars, tokens
-- written to a cache. A record of an older version has fewer of them, in the same order.
local function parse_totals(totals)
  local sums = {}
  for number in string.gmatch(totals or '', '%S+') do sums[#sums + 1] = tonumber(number) end
  for i = #sums + 1, 7 do sums[i] = 0 end
  return sums
end

-- The totals with one more attempt in them; `first` is where its six figures begin in ARGV.
local function add_attempt(totals, first)
  local sums = parse_totals(totals)
  sums[1] = sums[1] + 1
  for i = 2, 7 do sums[i] = sums[i] + tonumber(ARGV[first + i - 2]) end
  return string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f', unpack(sums))
end

-- Appends to the ledger, from which the recorder keeps the history: ids and figures only. `attempt` and `ended` are JSON, or nil; an
-- attempt is late when its job had ended before it.
local function append_ledger(ctx, attempt, ended, late)
  local stream, owner = string.match(ctx.ledger, '^(%S+) (.*)$')
  redis.call('XADD', stream, '*', 'entry', '{' .. owner .. ',"at":' .. int(now_ms()) .. ',"late":'
    .. tostring(late or false) .. ',"attempt":' .. (attempt or 'null') .. ',"ended":' .. (ended or 'null') .. '}')
end

-- What the newest run of an attempt has spent after its job's end is spent all the same: on the record, in the budgets and in the ledger.
-- Once, and not when it was this run that ended the job. `late` has the attempt's record, its entry in the ledger, and where its six
-- figures begin in ARGV.
local function record_late(ctx, call_key, attempt, late)
  if redis.call('HSETNX', call_key, 'attempt:' .. attempt, late.record) == 0 then return end
  redis.call('HSET', ctx.job_key, 'totals', add_attempt(ctx.totals, late.first))
  count_budgets(ctx, 0, tonumber(ARGV[late.first + 4]))
  if ctx.ledger then append_ledger(ctx, late.entry, nil, true) end
end

-- A run whose worker died leaves one line in the ledger: what its provider charges for it is on no record.
local function record_crash(ctx, call_key, attempt)
  if not ctx.ledger then return end
  local f = redis.call('HMGET', call_key, 'plan', 'index', 'crashes')
  local candidate = cjson.decode(f[1]).candidates[tonumber(f[2] or '0') + 1]
  append_ledger(ctx, cjson.encode({
    id = string.match(call_key, ':call:(.+)$') .. '.' .. attempt .. '.crash-' .. (tonumber(f[3] or '0') + 1),
    model = candidate.model, provider = candidate.provider, state = 'failed', errorClass = 'worker_crash', waitedMs = 0,
    ttftMs = cjson.null, durationMs = 0, usage = cjson.null, usageEstimated = true, costNano = 0,
  }))
end

-- Counts a finished record as one that waits for the recorder; returns how many bytes it takes until then. Every field is looked at: in a
-- sample the large ones may be missing.
local function hold_for_recorder(ctx, keys)
  local sum = 0
  for _, key in ipairs(keys) do sum = sum + (redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) or 0) end
  local bytes = int(sum)
  redis.call('HSET', ctx.job_key, 'ledger_bytes', bytes)
  redis.call('INCRBY', string.match(ctx.ledger, '^%S+') .. '-waiting', bytes)
  return bytes
end

-- One entry in the outbox for each target that wants to hear of this state: so a delivery exists exactly when the state does.
local function post_webhooks(ctx, state, ended_at)
  local hooks = cjson.decode(ctx.hooks)
  for _, target in ipairs(hooks.targets) do
    local wanted = false
    for _, event in ipairs(target.events) do
      wanted = wanted or event == 'job.*' or event == 'job.' .. state
    end
    if wanted then
      redis.call('XADD', hooks.outbox, '*', 'job', ctx.job_id, 'project', redis.call('HGET', ctx.job_key, 'project'),
        'state', state, 'at', ended_at, 'endpoint', target.endpoint ~= cjson.null and target.endpoint or '',
        'url', target.url ~= cjson.null and target.url or '')
    end
  end
end

-- The only way into a terminal state. `fields` are further pairs for the record; `body` is what waiters are sent: the
-- result, or the error. Every key of the job then lives for its retention; what only unfinished jobs have, goes.
local function end_job(ctx, call_key, unfinished_key, state, fields, body)
  if TERMINAL[ctx.state] then return false end
  local ended_at = int(now_ms())
  if ctx.hooks then post_webhooks(ctx, state, ended_at) end
  redis.call('HSET', ctx.job_key, 'state', state, 'finished_at', ended_at, unpack(fields))
  ctx.state = state
  log_event(ctx, 'job.' .. state, '{"state":"' .. state .. '"}')

  if ctx.waiters then
    local sums = parse_totals(ctx.totals)
    -- Redis drops a subscriber whose backlog grows past 8 MB for a minute: large bodies are fetched, not pushed.
    local pushed = #body <= 262144
    notify(ctx.channel_prefix, ctx.waiters, {
      kind = 'end', job = ctx.job_id, state = state, model = ctx.model or cjson.null, provider = ctx.provider or cjson.null,
      cost_nano = sums[6], attempts = sums[1], pushed = pushed, dropped = ctx.dropped or '',
    }, pushed and body or '')
  end

  count_budgets(ctx, -ctx.reserved, ctx.spend or 0)
  redis.call('ZREM', unfinished_key, ctx.job_id)
  if ctx.key_jobs then redis.call('SREM', ctx.key_jobs, ctx.job_id) end
  if ctx.keep ~= '1' then redis.call('ZREM', ctx.list, ctx.job_id) end
  local keys = call_keys(ctx, call_key)
  keys[#keys + 1] = ctx.job_key
  if ctx.steps_key then keys[#keys + 1] = ctx.steps_key end
  if ctx.keep == '1' or ctx.readers ~= '' then keys[#keys + 1] = ctx.events_key end
  -- What can be come back to goes only when the history has it (recorded.lua).
  local recorded = ctx.ledger and ctx.keep == '1'
  if recorded then
    append_ledger(ctx, ctx.attempt, '{"state":"' .. state .. '","bytes":' .. hold_for_recorder(ctx, keys) .. '}')
  else
    if ctx.ledger and ctx.attempt then append_ledger(ctx, ctx.attempt) end
    for _, key in ipairs(keys) do redis.call('PEXPIRE', key, ctx.retain_ms) end
  end
  if ctx.idempotency then
    redis.call('PEXPIRE', ctx.idempotency, ctx.ledger and math.max(ctx.retain_ms, REPLAY_MS) or ctx.retain_ms)
  end
  return true
end

local function error_json(code, message)
  return cjson.encode({ code = code, message = message, class = cjson.null, providerStatus = cjson.null })
end

local function end_cancelled(ctx, call_key, unfinished_key)
  local body = error_json('job_cancelled', 'The job was cancelled.')
  return end_job(ctx, call_key, unfinished_key, 'cancelled', { 'error', body }, body)
end

local function end_expired(ctx, call_key, unfinished_key)
  local body = error_json('job_expired', 'The job passed its deadline.')
  return end_job(ctx, call_key, unfinished_key, 'expired', { 'error', body }, body)
end

local function end_failed(ctx, call_key, unfinished_key, code, message)
  local body = error_json(code, message)
  return end_job(ctx, call_key, unfinished_key, 'failed', { 'error', body }, body)
end

-- True for a job that was asked to end, or is past its deadline, unless one of its calls still runs: the last of them ends it.
local function is_due(ctx, call_key)
  return (ctx.cancel_requested_at or ctx.deadline <= now_ms()) and not is_running(ctx, call_key)
end

-- Ends a job that is due. True when the job is over.
local function end_if_due(ctx, call_key, unfinished_key)
  if not is_due(ctx, call_key) then return TERMINAL[ctx.state] or false end
  if ctx.cancel_requested_at then return end_cancelled(ctx, call_key, unfinished_key) end
  return end_expired(ctx, call_key, unfinished_key)
end

-- Ends a step's call, which has spent so much with its last attempt; its step reads the outcome, and nobody needs what was asked
-- any more.
local function end_call(ctx, call_key, outcome, ended)
  settle_call(ctx, call_key, ended.spend or 0)
  redis.call('HDEL', call_key, 'run', 'ticket', 'request')
  redis.call('HSET', call_key, 'outcome', outcome, ended.field, ended.value)
end

-- A call that cannot go on: the end of a job of one call, and else for its step to judge.
local function give_up(ctx, call_key, unfinished_key, code, message)
  if not ctx.steps_key then return end_failed(ctx, call_key, unfinished_key, code, message) end
  end_call(ctx, call_key, 'failed', { field = 'error', value = error_json(code, message) })
  return true
end

-- True when this run of this attempt is the newest one: only it may write.
local function is_current(call_key, attempt, run)
  local f = redis.call('HMGET', call_key, 'attempt', 'run')
  return f[1] == attempt and f[2] == run
end

-- The pool of the candidate whose turn it is.
local function current_pool(call_key)
  local f = redis.call('HMGET', call_key, 'plan', 'index')
  return cjson.decode(f[1]).candidates[tonumber(f[2] or '0') + 1].pool
end

-- The attempt is about to be sent: its job is in progress from now on.
local function start_attempt(ctx, attempt, plan, index, now, step)
  if ctx.state == 'queued' then
    redis.call('HSET', ctx.job_key, 'state', 'in_progress', 'started_at', int(now))
    ctx.state = 'in_progress'
    log_event(ctx, 'job.started', '{"state":"in_progress"}')
  end
  if ctx.keep == '1' or ctx.readers ~= '' then
    local candidate = cjson.decode(plan).candidates[tonumber(index or '0') + 1]
    log_event(ctx, 'attempt.started', cjson.encode({ n = tonumber(attempt), model = candidate.model, provider = candidate.provider, step = step or nil }))
  end
end

-- `streamed` is the number of the last delta that readers were sent; 0 or nothing when there is none to take back.
local function has_streamed(streamed)
  return streamed and streamed ~= '0'
end

-- Counts a run that died or lost its lock. True when that ended the job: too many, or a synchronous stream that had
-- already sent content (it cannot be taken back). Otherwise readers are told that what was streamed is void.
local function ended_by_crash(ctx, call_key, unfinished_key, attempt, streamed, most_crashes)
  local crashes = redis.call('HINCRBY', call_key, 'crashes', 1)
  if has_streamed(streamed) and ctx.sync_stream then
    return give_up(ctx, call_key, unfinished_key, 'stream_interrupted', 'The worker that was streaming the answer was lost.')
  end
  if crashes >= tonumber(most_crashes) then
    return give_up(ctx, call_key, unfinished_key, 'worker_crash', 'The job was abandoned after ' .. crashes .. ' crashed runs.')
  end
  if has_streamed(streamed) then
    redis.call('HSET', call_key, 'streamed', '0')
    log_event(ctx, 'output.reset', '{"attempt":' .. attempt .. ',"reason":"worker_crash"}')
  end
  return false
end
