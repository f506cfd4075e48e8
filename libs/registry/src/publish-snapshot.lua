-- Publishes a snapshot's content, unless what is there is newer: equal content keeps its version, other content gets a
-- later one, in one step, so that replicas which start together agree on it. The content is compared as text; the caller
-- writes it canonically. A version is the time in microseconds: a Redis that has lost some or all of them never gives
-- other content a number that somebody has seen already.
-- KEYS[1] hash: version, content; source, revision, declared (where it stands); heard (ms: last published by anybody)
-- ARGV[1] content (JSON)   ARGV[2] channel that hears of a new version
-- ARGV[3] source: which database the settings in it are from; empty when that could not be asked, `none` without one
-- ARGV[4] revision of those settings   ARGV[5] when its configuration was read (ms)   ARGV[6] silence (ms)
-- Returns the version, and 1 when this content counts now, else 0.
local is = redis.call('HMGET', KEYS[1], 'version', 'content', 'source', 'revision', 'declared', 'heard')
local version, content, source = is[1], is[2], is[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function counts()
  if not content or not source then return true end
  if source ~= ARGV[3] then
    if source == '' then return true end
    if ARGV[3] == '' then return false end
    -- A process without a database knows nothing of what is set in one that others have.
    if source == 'none' then return true end
    if ARGV[3] == 'none' then return now - tonumber(is[6]) > tonumber(ARGV[6]) end
  elseif tonumber(ARGV[4]) ~= tonumber(is[4]) then
    return tonumber(ARGV[4]) > tonumber(is[4])
  end
  -- Of two configurations the later one counts, until nobody has published it for a while.
  return tonumber(ARGV[5]) >= tonumber(is[5]) or now - tonumber(is[6]) > tonumber(ARGV[6])
end

if not counts() then
  -- Whose database is away speaks for what was read from it before.
  if content == ARGV[1] or ARGV[3] == '' then redis.call('HSET', KEYS[1], 'heard', now) end
  return { tonumber(version), 0 }
end
redis.call('HSET', KEYS[1], 'source', ARGV[3], 'revision', ARGV[4], 'declared', ARGV[5], 'heard', now)
if version and content == ARGV[1] then
  return { tonumber(version), 1 }
end
version = math.max((tonumber(version) or 0) + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
local text = string.format('%.0f', version)
redis.call('HSET', KEYS[1], 'version', text, 'content', ARGV[1])
redis.call('PUBLISH', ARGV[2], text)
return { version, 1 }
