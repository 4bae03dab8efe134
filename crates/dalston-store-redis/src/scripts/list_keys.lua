-- Returns a page of keys. If the Python gateway has made keys since, returns up to a hundred of those instead.
-- KEYS: the requested index, the index of all keys, the strays, the set of the Python gateway. ARGV: at, id, count.
local made = {}
-- Strays are ids without a valid key. They are counted too, so that the sets are not compared each time.
if redis.call('SCARD', KEYS[4]) ~= redis.call('ZCARD', KEYS[2]) + redis.call('SCARD', KEYS[3]) then
  for i, id in ipairs(redis.call('ZDIFF', 3, KEYS[4], KEYS[2], KEYS[3])) do
    if i > 100 then
      break
    end
    made[i] = row(id)
  end
end
if #made > 0 then
  return {made, {}}
end
return {made, rows(page(KEYS[1], ARGV[1], ARGV[2], ARGV[3]))}
