-- Gives a webhook a new secret: its record. ARGV: tenant, id, secret, overlap, audit, the clock.
local found, name = webhook_of(ARGV[1], ARGV[2]), 'dalston:webhooks:' .. ARGV[2]
if not found then
  return false
end
local ends = whole(clock(ARGV[6]) + tonumber(ARGV[4]))
redis.call('HSET', name, 'old', redis.call('HGET', name, 'secret'), 'old_until', ends, 'secret', ARGV[3])
record(cjson.decode(ARGV[5]))
return found
