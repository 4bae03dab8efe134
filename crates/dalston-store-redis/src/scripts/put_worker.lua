-- Registers a worker or renews its registration. Returns 1, or 0 if another tenant's worker has that name.
-- ARGV: id, record, tenant or empty, the TTL, audit, the clock.
local id, now = ARGV[1], clock(ARGV[6])
forget_lapsed(now)
local before = redis.call('HMGET', 'dalston:workers:id:' .. id, 'record', 'tenant')
if before[1] and before[2] ~= ARGV[3] then
  return 0
end
redis.call('ZADD', 'dalston:workers', whole(now + tonumber(ARGV[4])), id)
if before[1] ~= ARGV[2] then
  redis.call('HSET', 'dalston:workers:id:' .. id, 'record', ARGV[2], 'tenant', ARGV[3])
  redis.call('INCR', 'dalston:workers:version')
  record(cjson.decode(ARGV[5]))
end
return 1
