-- include: key-limits.lua
-- How the limits of a key stand; takes nothing.
-- KEYS: levels, unfinished jobs of the key   ARGV: rules …
-- Returns {whole units left, ms until it is full, …}
return with_levels({}, read_rules(KEYS[1], KEYS[2], 1, #ARGV))
