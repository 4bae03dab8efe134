-- Deletes old deliveries that have ended, and some deliveries of deleted webhooks. Returns the number of the former.
-- ARGV: the latest creation time (exclusive), the limit.
sweep_left(tonumber(ARGV[2]))
local old = redis.call('ZRANGEBYSCORE', 'dalston:deliveries:ended', '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(old) do
  local webhook = redis.call('HGET', 'dalston:deliveries:' .. id, 'webhook')
  redis.call('DEL', 'dalston:deliveries:' .. id)
  redis.call('ZREM', 'dalston:deliveries:ended', id)
  if webhook then
    redis.call('ZREM', 'dalston:deliveries:of:' .. webhook, id)
  end
end
return #old
