-- Publishes the registry's content: equal content keeps its version, other content gets the next one, in one step, so
-- that replicas which start together agree on it. The content is compared as text; the caller writes it canonically.
-- KEYS[1] hash: version, content
-- ARGV[1] content (JSON)   ARGV[2] channel that hears of a new version
local current = redis.call('HMGET', KEYS[1], 'version', 'content')
if current[1] and current[2] == ARGV[1] then
  return tonumber(current[1])
end
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'content', ARGV[1])
redis.call('PUBLISH', ARGV[2], version)
return version
