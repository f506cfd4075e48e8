-- Notes how attempts ended at a provider (or on a model), and decides whether it is down.
-- KEYS: health
-- ARGV: successes, failures, 1 when a failure is certain to repeat (a refused credential), cool-down ms,
--       age in ms of the newest of these attempts, half-life ms, errors in a row for down, life of the key in ms
-- Returns {errors in a row, good weight, bad weight, ms until a probe is let through or -1 when not down}
local successes, failures, certain, cool_down = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local begun = now - tonumber(ARGV[5])

local f = redis.call('HMGET', KEYS[1], 'errors', 'good', 'bad', 'at', 'failed_at', 'down_until')
local errors, failed_at, down_until = tonumber(f[1] or '0'), tonumber(f[5] or '0'), tonumber(f[6] or '0')
local decay = 0.5 ^ ((now - tonumber(f[4] or now)) / tonumber(ARGV[6]))
local good = tonumber(f[2] or '0') * decay + successes
local bad = tonumber(f[3] or '0') * decay + failures

-- What was sent before the last failure says nothing about the time after it, neither way.
local is_news = begun >= failed_at
if successes > 0 and is_news then errors, down_until = 0, 0 end
if failures > 0 then
  errors = errors + failures
  if (certain or errors >= tonumber(ARGV[7])) and (down_until == 0 or is_news) then down_until = now + cool_down end
  failed_at = now
end

redis.call('HSET', KEYS[1], 'errors', errors, 'good', good, 'bad', bad, 'at', string.format('%.0f', now),
  'failed_at', string.format('%.0f', failed_at), 'down_until', string.format('%.0f', down_until))
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return { errors, tostring(good), tostring(bad), down_until == 0 and -1 or math.max(down_until - now, 0) }
