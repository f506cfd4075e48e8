-- A call, or the steps of a graph, without what was asked: that may be large, and few want it.
-- KEYS: call or steps   Returns {field, value …}
local names = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name ~= 'request' then names[#names + 1] = name end
end
if #names == 0 then return {} end
local pairs_of = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  pairs_of[2 * i - 1], pairs_of[2 * i] = names[i], value
end
return pairs_of
