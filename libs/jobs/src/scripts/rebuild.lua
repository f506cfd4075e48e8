-- Counts one more enqueueing of a graph; unless it is gone, of which nothing must be left.
-- KEYS: steps
-- Returns how many there were, or nil.
if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
return redis.call('HINCRBY', KEYS[1], 'build', 1)
