-- Moves a job from one status to another, with all consequences. Returns 1, or 0 if it moved meanwhile. A pair of
-- status and fence occurs once in the life of a job.
-- ARGV: {id, tenant, before, fence, lease, after, record, completed, progress, delay, deaths, kept, account, event,
-- audit}, the clock. `deaths`: the number to add. `lease`: the expiry of the expired lease, if that is the reason.
local move, now = cjson.decode(ARGV[1]), clock(ARGV[2])
local name, id, tenant = 'dalston:jobs:' .. move.id, move.id, move.tenant
local found = redis.call('HMGET', name, 'status', 'fence', 'reserved', 'key')
if found[1] ~= move.before or (found[2] or '0') ~= move.fence then
  return 0
end
if move.lease and redis.call('ZSCORE', 'dalston:work:leases', id) ~= move.lease then
  return 0
end
redis.call('HSET', name, 'status', move.after, 'record', move.record)
if move.deaths ~= '0' then
  redis.call('HINCRBY', name, 'deaths', move.deaths)
end
if move.progress then
  redis.call('HSET', name, 'progress', move.progress)
else
  redis.call('HDEL', name, 'progress')
end
local created = redis.call('ZSCORE', jobs_of(tenant, move.before), id)
redis.call('ZREM', jobs_of(tenant, move.before), id)
redis.call('ZADD', jobs_of(tenant, move.after), created, id)
if move.after ~= 'cancelling' then
  redis.call('ZREM', 'dalston:work:leases', id)
  redis.call('ZREM', 'dalston:work:due:' .. tenant, id)
  redis.call('ZREM', 'dalston:work:waiting', id)
end
if move.after == 'pending' then
  local delay = tonumber(move.delay)
  if delay > 0 then
    redis.call('ZADD', 'dalston:work:waiting', whole(now + delay), id)
  else
    redis.call('ZADD', 'dalston:work:due:' .. tenant, created, id)
  end
end
line_up(tenant)
if move.completed then
  redis.call('HSET', name, 'completed', move.completed, 'reserved', move.kept)
  file_ended(tenant, id, move.completed)
  settle(move.account, tonumber(move.kept) - tonumber(found[3] or 0))
  if found[4] then
    redis.call('ZREM', 'dalston:work:open:' .. found[4], id)
    if redis.call('EXISTS', 'dalston:work:open:' .. found[4]) == 0 then
      redis.call('SREM', 'dalston:work:keys', found[4])
    end
  end
end
if move.audit then
  record(move.audit)
end
if move.event then
  tell(move.event)
end
return 1
