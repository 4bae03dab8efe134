-- Writes a changed webhook. Returns 1, or 0 if it changed since it was read.
-- ARGV: {id, tenant, before, record, enabled, events, audit}.
local hook = cjson.decode(ARGV[1])
if webhook_of(hook.tenant, hook.id) ~= hook.before then
  return 0
end
redis.call('HSET', 'dalston:webhooks:' .. hook.id, 'record', hook.record, 'enabled', hook.enabled, 'events',
  hook.events)
place(hook.id)
record(hook.audit)
return 1
