-- Finds the newest jobs of a list that can pass a filter, without reading whole records; entries whose record has expired are removed.
-- KEYS: project's jobs
-- ARGV: what the key of a record begins with, job to go on after or '', its created_at, created from or '-inf', created before
--       or '+inf', jobs wanted, entries to look at, state or '', model or '', texts that the job's info must contain …
-- Returns {ids, entry that was looked at last, its created_at}; the last two are '' when no entry is left
local list, prefix, after, after_ms, from_ms, before_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local wanted, most, state, model = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]

-- How many entries come before the first to look at, newest first.
local function first_place()
  local place = before_ms == '+inf' and 0 or redis.call('ZCOUNT', list, before_ms, '+inf')
  if after == '' then return place end
  local rank = redis.call('ZREVRANK', list, after)
  if rank then return math.max(place, rank + 1) end
  -- It was deleted or has expired: its place is known all the same.
  local newer = redis.call('ZCOUNT', list, '(' .. after_ms, '+inf')
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', list, after_ms, after_ms)) do
    if id > after then newer = newer + 1 end
  end
  return math.max(place, newer)
end

-- The texts are found where they stand, or inside another member: whoever reads the record looks again.
local function passes(f)
  if state ~= '' and f[1] ~= state or model ~= '' and f[2] ~= model then return false end
  for i = 10, #ARGV do
    if not string.find(f[3] or '', ARGV[i], 1, true) then return false end
  end
  return true
end

local place = first_place()
local entries = redis.call('ZREVRANGE', list, place, place + most - 1, 'WITHSCORES')
local found, expired, last, last_ms = {}, {}, '', ''
for i = 1, #entries, 2 do
  local id, created_ms = entries[i], entries[i + 1]
  if from_ms ~= '-inf' and tonumber(created_ms) < tonumber(from_ms) then
    last, last_ms = '', ''
    break
  end
  last, last_ms = id, created_ms
  local f = redis.call('HMGET', prefix .. id, 'state', 'model', #ARGV >= 10 and 'info' or 'state')
  if not f[1] then
    expired[#expired + 1] = id
  elseif passes(f) then
    found[#found + 1] = id
    if #found == wanted then break end
  end
end
if #found < wanted and #entries < 2 * most then last, last_ms = '', '' end
if #expired > 0 then redis.call('ZREM', list, unpack(expired)) end
return { found, last, last_ms }
