-- Leases due jobs, and returns their rows. ARGV: the limit, the limit of one tenant's running jobs, the TTL, the clock,
-- the tenants to skip.
local limit, most, ttl, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), clock(ARGV[4])
-- Moves waiting jobs that have become due to the due jobs: at most 1000, the longest overdue first.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'dalston:work:waiting', '-inf', whole(now), 'LIMIT', 0, 1000)) do
  local tenant = redis.call('HGET', 'dalston:jobs:' .. id, 'tenant')
  local created = tenant and redis.call('ZSCORE', jobs_of(tenant, 'pending'), id)
  redis.call('ZREM', 'dalston:work:waiting', id)
  if created then
    redis.call('ZADD', 'dalston:work:due:' .. tenant, created, id)
    line_up(tenant)
  end
end
local but, passed = {}, 0
for _, tenant in ipairs(cjson.decode(ARGV[5])) do
  but[tenant] = true
end
local leased = {}
while #leased < limit do
  local first = redis.call('ZRANGE', 'dalston:work:tenants', passed, passed, 'WITHSCORES')
  while first[1] and but[first[1]] do
    passed = passed + 1
    first = redis.call('ZRANGE', 'dalston:work:tenants', passed, passed, 'WITHSCORES')
  end
  local tenant = first[1]
  if not tenant or math.floor(tonumber(first[2]) / TURNS) >= most then
    break
  end
  local taken = redis.call('ZPOPMIN', 'dalston:work:due:' .. tenant)
  local id, name = taken[1], 'dalston:jobs:' .. (taken[1] or '')
  if id and redis.call('ZREM', jobs_of(tenant, 'pending'), id) == 1 then
    redis.call('HSET', name, 'status', 'running')
    redis.call('HSETNX', name, 'started', whole(now))
    redis.call('HDEL', name, 'progress')
    redis.call('HINCRBY', name, 'fence', 1)
    redis.call('ZADD', jobs_of(tenant, 'running'), taken[2], id)
    redis.call('ZADD', 'dalston:work:leases', whole(now + ttl), id)
    redis.call('HSET', 'dalston:work:served', tenant, whole(redis.call('INCR', 'dalston:work:turn')))
    leased[#leased + 1] = job_row(id)
  end
  line_up(tenant)
end
return leased
