-- Returns the statistics of a tenant's keys. If an earlier version wrote keys without indexing them, returns up to 500
-- of those instead. KEYS: the indexes of all, live, open, idle and used keys. ARGV: the times now, soon, idle, hour,
-- day.
local unfiled = {}
if redis.call('ZCARD', KEYS[1]) ~= redis.call('ZCARD', KEYS[5]) then
  for i, id in ipairs(redis.call('ZDIFF', 2, KEYS[1], KEYS[5])) do
    if i > 500 then
      break
    end
    unfiled[i] = row(id)
  end
end
if #unfiled > 0 then
  return {unfiled, {}}
end
return {unfiled, {
  redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[1], '+inf'),
  redis.call('ZCARD', KEYS[1]) - redis.call('ZCARD', KEYS[2]),
  redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[1], ARGV[2]),
  redis.call('ZCOUNT', KEYS[4], '-inf', '(' .. ARGV[3]),
  redis.call('ZCOUNT', KEYS[5], ARGV[4], '+inf'),
  redis.call('ZCOUNT', KEYS[5], ARGV[5], '+inf'),
}}
