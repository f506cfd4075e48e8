-- include: turn.lua
-- Creates a job and its call, unless the idempotency key is taken.
-- KEYS: job, call, events, unfinished, project's jobs, idempotency (only used with a fingerprint), then of the first candidate's
--       pool: order, waiting, delayed
-- ARGV: job id, created_at, look_at, keep, fingerprint or '', idempotency ttl ms, the key and class whose turn it takes, its step,
--       number of job values, job pairs …, call pairs …
-- Returns {'created', turn} | {'replayed', job id} | {'conflict'}
local job_id, created_at, look_at, keep, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if fingerprint ~= '' then
  local taken = redis.call('GET', KEYS[6])
  if taken then
    local space = string.find(taken, ' ', 1, true)
    if string.sub(taken, space + 1) ~= fingerprint then return { 'conflict' } end
    return { 'replayed', string.sub(taken, 1, space - 1) }
  end
  redis.call('SET', KEYS[6], job_id .. ' ' .. fingerprint, 'PX', ARGV[6])
end

local values = tonumber(ARGV[9])
redis.call('HSET', KEYS[1], unpack(ARGV, 10, 9 + values))
redis.call('HSET', KEYS[2], unpack(ARGV, 10 + values, #ARGV))
redis.call('ZADD', KEYS[4], look_at, job_id)
redis.call('ZADD', KEYS[5], created_at, job_id)
if keep == '1' then
  redis.call('XADD', KEYS[3], '0-*', 'type', 'job.queued', 'data', '{"state":"queued"}')
end
return { 'created', take_turn(KEYS[7], KEYS[8], KEYS[9], ARGV[7], tonumber(ARGV[8])) }
