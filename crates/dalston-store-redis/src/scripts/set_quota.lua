-- Sets a quota, 1, unless there is no such tenant, 0.
-- KEYS: the quota. ARGV: the tenant, the fields that limit something, audit.
if not has_tenant(ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
for field, most in pairs(cjson.decode(ARGV[2])) do
  redis.call('HSET', KEYS[1], field, most)
end
record(cjson.decode(ARGV[3]))
return 1
