-- Takes keys of the Python gateway into our records and indexes, and leaves its view of them as it is.
-- ARGV: {tenant, keys, strays}.
local given = cjson.decode(ARGV[1])
for _, key in ipairs(given.keys) do
  local now = row(key.id)
  -- Changed since it was read: the next look sees it again.
  if not now[2] and now[3] == key.digest and revoked(now[7]) == key.revoked then
    ensure_tenant(key.tenant, key.created)
    put(key)
  end
end
for _, id in ipairs(given.strays) do
  redis.call('SADD', 'dalston:keys:strays:' .. given.tenant, id)
end
return 'adopted'
