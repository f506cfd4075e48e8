-- Opens the gate of a pool whose limits were changed; a pause after a refusal of its provider stays.
-- KEYS: gate of the pool, its pause
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('DEL', KEYS[1]) end
