-- Another enqueueing of the graph is to be woken when a call ends; unless the call is gone, of which nothing must be left.
-- KEYS: call   ARGV: parent
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'parent', ARGV[1]) end
