-- Takes a worker away, 1, unless it is not there, or not of that tenant, 0. ARGV: id, tenant or none, audit, the clock.
forget_lapsed(clock(ARGV[4]))
local tenant = redis.call('HGET', 'dalston:workers:id:' .. ARGV[1], 'tenant')
if not tenant or (ARGV[2] ~= '' and ARGV[2] ~= tenant) then
  return 0
end
forget_worker(ARGV[1])
record(cjson.decode(ARGV[3]))
return 1
