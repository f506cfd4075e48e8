-- include: record.lua
-- The history has these finished jobs: they leave the list of what only Redis has, and from now on their time runs. One that was
-- erased meanwhile is passed over.
-- KEYS: bytes that wait for the recorder, then job, call, events of each   ARGV: job ids
local released = 0
for i, job_id in ipairs(ARGV) do
  local job_key, call_key, events_key = KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1]
  local f = redis.call('HMGET', job_key, 'state', 'ledger_bytes', 'list', 'retain_ms', 'steps')
  if f[1] and TERMINAL[f[1]] then
    if f[2] then
      released = released + tonumber(f[2])
      redis.call('HDEL', job_key, 'ledger_bytes')
      redis.call('ZREM', f[3], job_id)
    end
    local keys = call_keys({ steps_key = f[5] }, call_key)
    keys[#keys + 1], keys[#keys + 2] = job_key, events_key
    if f[5] then keys[#keys + 1] = f[5] end
    -- Told of twice, it keeps the time that it was given first.
    for _, key in ipairs(keys) do redis.call('PEXPIRE', key, f[4], 'NX') end
  end
end
if released > 0 then redis.call('DECRBY', KEYS[1], int(released)) end
