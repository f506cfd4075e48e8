-- include: record.lua
-- The history has a finished job: it leaves the list of what only Redis has, and from now on its time runs.
-- KEYS: job, call, events, bytes that wait for the recorder
-- ARGV: job id, '1' when the history refused it: then it stays in the list, waits no more and lives for a day's worth of hot windows
-- Returns 'released' | 'gone' (it was erased meanwhile)
local f = redis.call('HMGET', KEYS[1], 'state', 'ledger_bytes', 'list', 'retain_ms', 'steps')
if not f[1] or not TERMINAL[f[1]] then return 'gone' end
if f[2] then
  redis.call('DECRBY', KEYS[4], f[2])
  -- A refused one can still be recorded, by whoever sees to it that it fits.
  if ARGV[2] == '1' then redis.call('HSET', KEYS[1], 'ledger_bytes', '0') else redis.call('HDEL', KEYS[1], 'ledger_bytes') end
  if ARGV[2] ~= '1' then redis.call('ZREM', f[3], ARGV[1]) end
end
local retain_ms = tonumber(f[4]) * (ARGV[2] == '1' and 24 or 1)
local keys = call_keys({ steps_key = f[5] }, KEYS[2])
keys[#keys + 1], keys[#keys + 2] = KEYS[1], KEYS[3]
if f[5] then keys[#keys + 1] = f[5] end
-- Told of twice, it keeps the time that it was given first.
for _, key in ipairs(keys) do redis.call('PEXPIRE', key, int(retain_ms), 'NX') end
return 'released'
