-- Steps that have ended, committed together with what follows from them.
-- ARGV, from `first` on: their number, then of each: step, which of its calls this is, 'completed' | 'failed', output JSON or '',
-- error JSON or '', event JSON. KEYS, from `first_key` on: the newest call of each.

local VALUES = 6

-- Answers where the rest of ARGV begins; nil when somebody else was first with one of them.
local function may_settle(steps_key, first)
  local rest = first + 1 + tonumber(ARGV[first]) * VALUES
  for at = first + 1, rest - 1, VALUES do
    local f = redis.call('HMGET', steps_key, 'state:' .. ARGV[at], 'number:' .. ARGV[at])
    if (f[1] ~= 'pending' and f[1] ~= 'in_progress') or (f[2] or '0') ~= ARGV[at + 1] then return nil end
  end
  return rest
end

local function settle_steps(ctx, steps_key, first_key, first)
  for i = 0, tonumber(ARGV[first]) - 1 do
    local at = first + 1 + i * VALUES
    local step, _, state, output, failure, event = unpack(ARGV, at, at + VALUES - 1)
    redis.call('HSET', steps_key, 'state:' .. step, state, 'finished:' .. step, int(now_ms()))
    if output ~= '' then redis.call('HSET', steps_key, 'output:' .. step, output) end
    if failure ~= '' then redis.call('HSET', steps_key, 'error:' .. step, failure) end
    redis.call('HDEL', KEYS[first_key + i], 'result')
    log_event(ctx, 'step.' .. state, event)
  end
end
