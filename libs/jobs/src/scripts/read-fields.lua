-- A hash without one of its fields: that may be large, and few want it.
-- KEYS: hash   ARGV: field   Returns {field, value …}
local names = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name ~= ARGV[1] then names[#names + 1] = name end
end
if #names == 0 then return {} end
local pairs_of = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  pairs_of[2 * i - 1], pairs_of[2 * i] = names[i], value
end
return pairs_of
