-- Opens a session with the least loaded of the workers that fit. The caller passes those. If the caller's list of
-- workers is outdated, returns the present list: {'workers', version, records}.
-- ARGV: {id, tenant, key, ttl, own, version, workers}, the clock. A worker: its id, its capacity, and the maximum
-- number of the tenant's sessions.
local asked, now = cjson.decode(ARGV[1]), clock(ARGV[2])
forget_lapsed(now)
local version = redis.call('GET', 'dalston:workers:version') or '0'
if version ~= asked.version then
  local records = {}
  for i, id in ipairs(redis.call('ZRANGE', 'dalston:workers', 0, -1)) do
    records[i] = redis.call('HGET', 'dalston:workers:id:' .. id, 'record')
  end
  return {'workers', version, cjson.encode(records)}
end
local id, tenant, key = asked.id, asked.tenant, asked.key
local full = crowded(tenant, key, 'streams', function(of_key)
  return redis.call('SCARD', 'dalston:sessions:' .. (of_key and 'key:' .. key or 'tenant:' .. tenant))
end)
if full then
  return full
end
local best, share
for _, worker in ipairs(asked.workers) do
  local load = redis.call('SCARD', 'dalston:sessions:worker:' .. worker[1])
  local has_room = load < worker[2]
  if has_room and worker[3] < worker[2] then
    local both = redis.call('SINTER', 'dalston:sessions:worker:' .. worker[1], 'dalston:sessions:tenant:' .. tenant)
    has_room = #both < worker[3]
  end
  -- The workers are sorted by name, so the first of equals wins. Compares a/b < c/d without fractions.
  if has_room and (not best or load * share[2] < share[1] * worker[2]) then
    best, share = worker[1], {load, worker[2]}
  end
end
if not best and not asked.own then
  return {'no_capacity'}
end
forget_session(id)
redis.call('HSET', 'dalston:sessions:' .. id, 'tenant', tenant, 'key', key or '', 'worker', best or '')
redis.call('ZADD', 'dalston:sessions', whole(now + tonumber(asked.ttl)), id)
redis.call('SADD', 'dalston:sessions:tenant:' .. tenant, id)
if key then
  redis.call('SADD', 'dalston:sessions:key:' .. key, id)
end
if best then
  redis.call('SADD', 'dalston:sessions:worker:' .. best, id)
end
return {best and 'worker' or 'own', best or ''}
