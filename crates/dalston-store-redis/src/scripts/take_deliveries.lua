-- Leases due deliveries. Returns for each the row, the webhook's record, its secret, and the previous secret while it
-- is valid. ARGV: the limit, the TTL of the lease, the clock, the webhooks to skip.
local now, taken = clock(ARGV[3]), {}
local again = whole(now + tonumber(ARGV[2]))
local passed, skip = {}, 0
for i = 4, #ARGV do
  passed[ARGV[i]] = true
end
while #taken < tonumber(ARGV[1]) do
  local webhook = redis.call('ZRANGEBYSCORE', 'dalston:deliveries:due', '-inf', whole(now), 'LIMIT', skip, 1)[1]
  if not webhook then
    break
  end
  if passed[webhook] then
    skip = skip + 1
  else
    local due = 'dalston:deliveries:due:' .. webhook
    local id = redis.call('ZRANGE', due, 0, 0)[1]
    local name = 'dalston:deliveries:' .. id
    redis.call('HINCRBY', name, 'attempts', 1)
    redis.call('HSET', name, 'next', again)
    redis.call('ZADD', due, again, id)
    place(webhook)
    local hook = redis.call('HMGET', 'dalston:webhooks:' .. webhook, 'record', 'secret', 'old', 'old_until')
    local old = hook[3] and now < tonumber(hook[4]) and hook[3]
    taken[#taken + 1] = {delivery_row(id), hook[1], hook[2], old}
  end
end
return taken
