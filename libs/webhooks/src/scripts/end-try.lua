-- Writes down how a try ended, and with it perhaps the delivery; nothing when another run has ended it, or it was begun anew.
-- KEYS: delivery, failures of its endpoint, the dead, ledger, bytes that wait for the recorder
-- ARGV: 1 delivery id, 2 'delivered' | 'postponed' | 'dead', 3 round, 4 tries of this round, 5 HTTP status or '', 6 reason or '',
--       7 time of the next try or '', 8 the try as JSON, or '' when none was made, 9 '1' when the receiver is to blame, 10 what is kept
--       after the end (ms), 11 '1' where a history is kept, 12 entry of the dead or '', 13 how many of the dead are kept, 14 tries kept
-- Returns {} when nothing was written, else {since when its endpoint fails, how often it has}; zeros when it does not, or has none.
local function int(value)
  return string.format('%.0f', value)
end

local f = redis.call('HMGET', KEYS[1], 'status', 'round', 'project', 'endpoint', 'job')
if f[1] ~= 'pending' or (f[2] or '1') ~= ARGV[3] then return {} end
local time = redis.call('TIME')
local now = int(time[1] * 1000 + math.floor(time[2] / 1000))

redis.call('HSET', KEYS[1], 'attempts', ARGV[4], 'last_at', now, 'http_status', ARGV[5], 'reason', ARGV[6], 'next_at', ARGV[7])
redis.call('HDEL', KEYS[1], 'held_by', 'held_since')
if ARGV[8] ~= '' then
  local n = redis.call('HINCRBY', KEYS[1], 'tried', 1)
  redis.call('HSET', KEYS[1], 'try:' .. n, ARGV[8])
  redis.call('HDEL', KEYS[1], 'try:' .. (n - tonumber(ARGV[14])))
end

local since, failures = 0, 0
if ARGV[2] == 'delivered' then
  redis.call('DEL', KEYS[2])
elseif ARGV[9] == '1' and f[4] ~= '' then
  redis.call('HSETNX', KEYS[2], 'since', now)
  redis.call('HSET', KEYS[2], 'last_error', ARGV[6])
  failures = redis.call('HINCRBY', KEYS[2], 'tries', 1)
  since = tonumber(redis.call('HGET', KEYS[2], 'since'))
end

if ARGV[2] ~= 'postponed' then
  redis.call('HSET', KEYS[1], 'status', ARGV[2], 'ended_at', now)
  if ARGV[11] == '1' then
    -- It goes only when the history has it (release.lua).
    local bytes = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0) or 0
    redis.call('HSET', KEYS[1], 'ledger_bytes', int(bytes))
    redis.call('INCRBY', KEYS[5], int(bytes))
    redis.call('XADD', KEYS[4], '*', 'entry', '{"job":' .. cjson.encode(f[5]) .. ',"project":' .. cjson.encode(f[3])
      .. ',"key":"","at":' .. now .. ',"late":false,"attempt":null,"ended":null,"delivery":' .. cjson.encode(ARGV[1]) .. '}')
  else
    redis.call('PEXPIRE', KEYS[1], ARGV[10])
  end
end
if ARGV[2] == 'dead' and ARGV[12] ~= '' then
  redis.call('LPUSH', KEYS[3], ARGV[12])
  redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[13]) - 1)
end
return { int(since), int(failures) }
