-- include: record.lua
-- The history has these finished jobs: they leave the list of what only Redis has, and from now on their time runs. One that was
-- erased meanwhile is passed over.
-- KEYS: bytes that wait for the recorder, then job, call, events of each
-- ARGV: '1' when the history refused them, else '': then they stay in the list, wait no more and live for a day's worth of hot
--       windows; job ids …
local refused, released = ARGV[1] == '1', 0
for i = 2, #ARGV do
  local job_key, call_key, events_key = KEYS[3 * i - 4], KEYS[3 * i - 3], KEYS[3 * i - 2]
  local f = redis.call('HMGET', job_key, 'state', 'ledger_bytes', 'list', 'retain_ms', 'steps')
  if f[1] and TERMINAL[f[1]] then
    released = released + tonumber(f[2] or '0')
    if f[2] and refused then
      -- It can still be recorded, by whoever sees to it that it fits.
      redis.call('HSET', job_key, 'ledger_bytes', '0')
    elseif f[2] then
      redis.call('HDEL', job_key, 'ledger_bytes')
      redis.call('ZREM', f[3], ARGV[i])
    end
    local keys = call_keys({ steps_key = f[5] }, call_key)
    keys[#keys + 1], keys[#keys + 2] = job_key, events_key
    if f[5] then keys[#keys + 1] = f[5] end
    -- Told of twice, it keeps the time that it was given first.
    for _, key in ipairs(keys) do redis.call('PEXPIRE', key, int(tonumber(f[4]) * (refused and 24 or 1)), 'NX') end
  end
end
if released > 0 then redis.call('DECRBY', KEYS[1], int(released)) end
