-- Inserts a tenant, 1, unless it is there, 0.
-- KEYS: the tenant, the set of the Python gateway, the index. ARGV: id, created, name, audit, the clock.
-- Without a time of creation it is the clock's; without a record the change has no number.
local created = ARGV[2] ~= '' and ARGV[2] or whole(clock(ARGV[5]))
if not ensure_tenant(ARGV[1], created, ARGV[3] ~= '' and ARGV[3]) then
  return 0
end
if ARGV[4] ~= '' then
  record(cjson.decode(ARGV[4]))
end
return 1
