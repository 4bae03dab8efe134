-- Imports keys of the Python gateway into this store's records and indexes. Leaves that gateway's view of them
-- unchanged.
-- ARGV: {tenant, keys, strays}.
local given = cjson.decode(ARGV[1])
for _, key in ipairs(given.keys) do
  local now = row(key.id)
  -- Skips a key that changed since it was read: the next read finds it again.
  if not now[2] and now[3] == key.digest and revoked(now[7]) == key.revoked then
    ensure_tenant(key.tenant, key.created)
    put(key)
  end
end
for _, id in ipairs(given.strays) do
  redis.call('SADD', 'dalston:keys:strays:' .. given.tenant, id)
end
return 'adopted'
