-- Returns a tenant: id, created, name. Inserts it if only the Python gateway knows it.
-- KEYS: the tenant, the set of the Python gateway, the index. ARGV: id, the clock.
if redis.call('EXISTS', KEYS[1]) == 0 then
  if redis.call('EXISTS', KEYS[2]) == 0 then
    return false
  end
  ensure_tenant(ARGV[1], whole(clock(ARGV[2])))
end
return {ARGV[1], unpack(redis.call('HMGET', KEYS[1], 'created', 'name'))}
