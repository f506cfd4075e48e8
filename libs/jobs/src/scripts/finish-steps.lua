-- include: record.lua
-- include: settle.lua
-- Commits what became of steps, once, where nothing follows from it yet.
-- KEYS: job, steps, events, then the call of each   ARGV: job id, channel prefix, then the steps (see settle.lua)
-- Returns 'committed' | 'known' (somebody else was first) | 'finished' | 'gone'
local ctx = open_job(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
if not ctx then return 'gone' end
if TERMINAL[ctx.state] then return 'finished' end
if not may_settle(KEYS[2], 3) then return 'known' end
settle_steps(ctx, KEYS[2], 4, 3)
return 'committed'
