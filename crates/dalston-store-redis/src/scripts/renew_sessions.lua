-- Renews sessions. Returns the ids of those that do not exist any more. ARGV: the TTL, the clock, the ids.
local now, gone = clock(ARGV[2]), {}
forget_lapsed(now)
local ends = whole(now + tonumber(ARGV[1]))
for i = 3, #ARGV do
  if redis.call('ZSCORE', 'dalston:sessions', ARGV[i]) then
    redis.call('ZADD', 'dalston:sessions', ends, ARGV[i])
  else
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
