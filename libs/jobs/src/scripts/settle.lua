-- Steps that have ended, committed together with what follows from them.
-- ARGV, from `first` on: their number, then of each: step, which of its calls this is, 'completed' | 'failed', output JSON or '',
-- error JSON or '', event JSON. KEYS, from `first_key` on: the newest call of each.

local VALUES = 6

-- Answers where the rest of ARGV begins. Nil when somebody else was first with one of them: then nothing is written.
local function settle_steps(ctx, steps_key, first_key, first)
  local rest = first + 1 + tonumber(ARGV[first]) * VALUES
  for at = first + 1, rest - 1, VALUES do
    local f = redis.call('HMGET', steps_key, 'state:' .. ARGV[at], 'number:' .. ARGV[at])
    if (f[1] ~= 'pending' and f[1] ~= 'in_progress') or (f[2] or '0') ~= ARGV[at + 1] then return nil end
  end
  for at = first + 1, rest - 1, VALUES do
    local step, state = ARGV[at], ARGV[at + 2]
    redis.call('HSET', steps_key, 'state:' .. step, state, 'finished:' .. step, int(now_ms()))
    if ARGV[at + 3] ~= '' then redis.call('HSET', steps_key, 'output:' .. step, ARGV[at + 3]) end
    if ARGV[at + 4] ~= '' then redis.call('HSET', steps_key, 'error:' .. step, ARGV[at + 4]) end
    redis.call('HDEL', KEYS[first_key + (at - first - 1) / VALUES], 'result')
    log_event(ctx, 'step.' .. state, ARGV[at + 5])
  end
  return rest
end
