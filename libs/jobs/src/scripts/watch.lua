-- include: record.lua
-- Registers a process as waiter (ends) or reader (events) of an unfinished job, together with a look at its state.
-- KEYS: job   ARGV: process id, 'waiters' | 'readers'
-- Returns the state, or nil when there is no such job.
local f = redis.call('HMGET', KEYS[1], 'state', ARGV[2])
if not f[1] then return nil end
if TERMINAL[f[1]] then return f[1] end
local known = f[2] or ''
if not string.find(',' .. known .. ',', ',' .. ARGV[1] .. ',', 1, true) then
  redis.call('HSET', KEYS[1], ARGV[2], known == '' and ARGV[1] or known .. ',' .. ARGV[1])
end
return f[1]
