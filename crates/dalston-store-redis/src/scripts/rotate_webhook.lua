-- Gives a webhook a new secret. Returns its record and the expiry of the previous secret; or false and an expiry if an
-- earlier overlap that still lasts forbids the rotation; or false if there is no such webhook.
-- ARGV: tenant, id, secret, overlap in microseconds, whether to end a running overlap, audit, the clock.
local found, name = webhook_of(ARGV[1], ARGV[2]), 'dalston:webhooks:' .. ARGV[2]
if not found then
  return false
end
local now, running = clock(ARGV[7]), redis.call('HGET', name, 'old_until')
if running and ARGV[5] ~= '1' and tonumber(running) > now then
  return {false, running}
end
local ends = whole(now + tonumber(ARGV[4]))
redis.call('HSET', name, 'old', redis.call('HGET', name, 'secret'), 'old_until', ends, 'secret', ARGV[3])
record(cjson.decode(ARGV[6]))
return {found, ends}
