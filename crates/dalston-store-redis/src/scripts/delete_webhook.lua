-- Deletes a webhook with its deliveries. Returns 1, or 0 if it does not exist. ARGV: tenant, id, audit.
local id = ARGV[2]
if not webhook_of(ARGV[1], id) then
  return 0
end
redis.call('DEL', 'dalston:webhooks:' .. id, 'dalston:deliveries:due:' .. id)
redis.call('ZREM', 'dalston:webhooks:of:' .. ARGV[1], id)
redis.call('ZREM', 'dalston:deliveries:due', id)
-- The deliveries are unreachable now. If there are too many for one step, a later sweep deletes the rest.
redis.call('SADD', 'dalston:deliveries:left', id)
sweep_left(1000)
record(cjson.decode(ARGV[3]))
return 1
