-- Inserts a webhook. ARGV: {id, tenant, created, record, enabled, events, secret, most, audit}.
local hook = cjson.decode(ARGV[1])
if not has_tenant(hook.tenant) then
  return 'unknown_tenant'
end
local own = 'dalston:webhooks:of:' .. hook.tenant
if redis.call('ZCARD', own) >= hook.most then
  return 'too_many'
end
local name = 'dalston:webhooks:' .. hook.id
if redis.call('EXISTS', name) > 0 then
  return redis.error_reply('ERR the webhook is there already')
end
redis.call('HSET', name, 'tenant', hook.tenant, 'record', hook.record, 'enabled', hook.enabled, 'events', hook.events,
  'secret', hook.secret)
redis.call('ZADD', own, hook.created, hook.id)
record(hook.audit)
return 'inserted'
