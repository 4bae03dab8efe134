-- Deletes a webhook with its deliveries, 1, unless it is not there, 0. ARGV: tenant, id, audit.
local id = ARGV[2]
if not webhook_of(ARGV[1], id) then
  return 0
end
redis.call('DEL', 'dalston:webhooks:' .. id, 'dalston:deliveries:due:' .. id)
redis.call('ZREM', 'dalston:webhooks:of:' .. ARGV[1], id)
redis.call('ZREM', 'dalston:deliveries:due', id)
-- Nobody finds them any more; those that are too many for one step are swept later.
redis.call('SADD', 'dalston:deliveries:left', id)
sweep_left(1000)
record(cjson.decode(ARGV[3]))
return 1
