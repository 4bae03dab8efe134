-- Removes a worker. Returns 1, or 0 if it does not exist or is another tenant's.
-- ARGV: id, tenant or empty for any, audit, the clock.
forget_lapsed(clock(ARGV[4]))
local tenant = redis.call('HGET', 'dalston:workers:id:' .. ARGV[1], 'tenant')
if not tenant or (ARGV[2] ~= '' and ARGV[2] ~= tenant) then
  return 0
end
forget_worker(ARGV[1])
record(cjson.decode(ARGV[3]))
return 1
