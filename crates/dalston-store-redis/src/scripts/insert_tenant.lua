-- Inserts a tenant. Returns 1, or 0 if it exists.
-- KEYS: the tenant, the set of the Python gateway, the index. ARGV: id, created, name, audit, the clock.
-- If `created` is empty, the clock's time is used. If `audit` is empty, the change has no number.
local created = ARGV[2] ~= '' and ARGV[2] or whole(clock(ARGV[5]))
if not ensure_tenant(ARGV[1], created, ARGV[3] ~= '' and ARGV[3]) then
  return 0
end
if ARGV[4] ~= '' then
  record(cjson.decode(ARGV[4]))
end
return 1
