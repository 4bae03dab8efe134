-- Renews leases. Returns the status or 'lost' for each. ARGV: leases {tenant, id, fence, progress}, the TTL, the clock.
local ends, words = whole(clock(ARGV[3]) + tonumber(ARGV[2])), {}
for i, lease in ipairs(cjson.decode(ARGV[1])) do
  local name = 'dalston:jobs:' .. lease.id
  local found = redis.call('HMGET', name, 'tenant', 'status', 'fence')
  local works = found[2] == 'running' or found[2] == 'cancelling'
  if works and found[1] == lease.tenant and (found[3] or '0') == lease.fence then
    redis.call('ZADD', 'dalston:work:leases', ends, lease.id)
    if lease.progress then
      redis.call('HSET', name, 'progress', lease.progress)
    end
    words[i] = found[2]
  else
    words[i] = 'lost'
  end
end
return words
