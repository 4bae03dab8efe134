-- Makes an ended delivery pending again, and returns its row. ARGV: tenant, webhook, id, when it is due, audit.
local name = 'dalston:deliveries:' .. ARGV[3]
local found = redis.call('HMGET', name, 'webhook', 'status')
if not webhook_of(ARGV[1], ARGV[2]) or found[1] ~= ARGV[2] or found[2] == 'pending' then
  return false
end
redis.call('HSET', name, 'status', 'pending', 'attempts', 0, 'next', ARGV[4])
redis.call('ZREM', 'dalston:deliveries:ended', ARGV[3])
redis.call('ZADD', 'dalston:deliveries:due:' .. ARGV[2], ARGV[4], ARGV[3])
place(ARGV[2])
record(cjson.decode(ARGV[5]))
return delivery_row(ARGV[3])
