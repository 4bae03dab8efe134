-- Sets a tenant's retention of ended jobs. Returns 1, or 0 if there is no such tenant.
-- KEYS: the tenant, the set of the Python gateway, the index. ARGV: id, days or empty, audit, the clock.
if not has_tenant(ARGV[1]) then
  return 0
end
ensure_tenant(ARGV[1], whole(clock(ARGV[4])))
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'days', ARGV[2])
else
  redis.call('HDEL', KEYS[1], 'days')
end
record(cjson.decode(ARGV[3]))
return 1
