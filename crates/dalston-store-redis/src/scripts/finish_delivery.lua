-- Records an attempt. Returns 1, or 0 if the delivery or its webhook changed meanwhile.
-- ARGV: {id, webhook, tenant, attempt, status, created, next, last, last_status, last_error, before, record, enabled,
-- events, audit}. `before`, `record`, `enabled` and `events` are present if the webhook changes.
local done = cjson.decode(ARGV[1])
local name, due = 'dalston:deliveries:' .. done.id, 'dalston:deliveries:due:' .. done.webhook
local found = redis.call('HMGET', name, 'status', 'attempts')
if found[1] ~= 'pending' or found[2] ~= done.attempt then
  return 0
end
local before = webhook_of(done.tenant, done.webhook)
if not before or (done.before and before ~= done.before) then
  return 0
end
redis.call('HSET', name, 'status', done.status, 'last', done.last)
for _, field in ipairs({'next', 'last_status', 'last_error'}) do
  if done[field] then
    redis.call('HSET', name, field, done[field])
  else
    redis.call('HDEL', name, field)
  end
end
if done.next then
  redis.call('ZADD', due, done.next, done.id)
else
  redis.call('ZREM', due, done.id)
  redis.call('ZADD', 'dalston:deliveries:ended', done.created, done.id)
end
if done.before then
  redis.call('HSET', 'dalston:webhooks:' .. done.webhook, 'record', done.record, 'enabled', done.enabled)
end
place(done.webhook)
if done.audit then
  record(done.audit)
end
return 1
