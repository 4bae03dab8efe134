-- Returns pending jobs whose key is revoked according to either side: the cursor for the next call, and rows. Each call
-- checks some of the keys that have jobs. ARGV: the cursor, the limit of jobs.
local limit, orphans = tonumber(ARGV[2]), {}
local scan = redis.call('SSCAN', 'dalston:work:keys', ARGV[1], 'COUNT', 100)
for _, key in ipairs(scan[2]) do
  local known = #orphans < limit and row(key)
  if known and (revoked(known[2] or '') or revoked(known[7] or '')) then
    local open = 'dalston:work:open:' .. key
    local tenant = redis.call('HGET', 'dalston:jobs:' .. (redis.call('ZRANGE', open, 0, 0)[1] or ''), 'tenant')
    -- Jobs in progress come in between. There are at most as many as the whole tenant has, so read that many more.
    local last = limit + (tenant and busy(tenant) or 0)
    for _, id in ipairs(redis.call('ZRANGE', open, 0, last)) do
      local job = job_row(id)
      if job[3] == 'pending' and #orphans < limit then
        orphans[#orphans + 1] = job
      end
    end
  end
end
return {scan[1], orphans}
