-- Sets a quota. Returns 1, or 0 if there is no such tenant.
-- KEYS: the quota. ARGV: the tenant, the limits that are set, audit.
if not has_tenant(ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
for field, most in pairs(cjson.decode(ARGV[2])) do
  redis.call('HSET', KEYS[1], field, most)
end
record(cjson.decode(ARGV[3]))
return 1
