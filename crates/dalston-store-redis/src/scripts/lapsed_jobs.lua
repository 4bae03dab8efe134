-- Returns the jobs whose lease has expired, the earliest first: the expiry and the row of each. ARGV: the limit, the
-- clock.
local lapsed = {}
local now = whole(clock(ARGV[2]))
local list = redis.call('ZRANGEBYSCORE', 'dalston:work:leases', '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #list, 2 do
  lapsed[#lapsed + 1] = {list[i + 1], job_row(list[i])}
end
return lapsed
