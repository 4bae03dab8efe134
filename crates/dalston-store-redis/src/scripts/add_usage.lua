-- Adds what a node counted, and sweeps views of ended secrets on the way.
-- KEYS: the set of ended secrets, then for each count the usage, the record and the digest of its key.
-- ARGV: the counts, the clock.
for i, count in ipairs(cjson.decode(ARGV[1])) do
  local usage = KEYS[3 * i - 1]
  if redis.call('EXISTS', KEYS[3 * i], KEYS[3 * i + 1]) > 0 then
    for field, more in pairs(count.more) do
      redis.call('HINCRBY', usage, field, more)
    end
    local last = redis.call('HGET', usage, 'last_used')
    if count.last_used and (not last or tonumber(last) < tonumber(count.last_used)) then
      redis.call('HSET', usage, 'last_used', count.last_used, 'last_from', count.last_from or '')
      local tenant = redis.call('HGET', KEYS[3 * i], 'tenant')
      if tenant then
        redis.call('ZADD', 'dalston:keys:used:' .. tenant, 'GT', count.last_used, count.key)
        redis.call('ZADD', 'dalston:keys:idle:' .. tenant, 'XX', 'GT', count.last_used, count.key)
      end
    end
  end
end
local now = clock(ARGV[2])
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now), 'WITHSCORES')
for i = 1, #ended, 2 do
  redis.call('DEL', 'dalston:apikeys:' .. ended[i])
  -- For a minute more: a request that was under way in the Python gateway may write it back.
  if tonumber(ended[i + 1]) < now - 60000000 then
    redis.call('ZREM', KEYS[1], ended[i])
  end
end
return 'added'
