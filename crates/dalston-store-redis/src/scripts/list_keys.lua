-- A page of keys; first of all those that the Python gateway made since, up to a hundred of them.
-- KEYS: the index asked for, the index of all, the strays, the set of the Python gateway. ARGV: at, id, count.
local made = {}
-- Strays are ids whose view is no key of ours: counted, so that they are not looked through each time.
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
