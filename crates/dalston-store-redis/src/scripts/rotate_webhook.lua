-- Gives a webhook a new secret: its record and when the one before ends; the end alone: an overlap that still runs
-- forbids it. ARGV: tenant, id, secret, overlap, whether a running overlap ends, audit, the clock.
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
