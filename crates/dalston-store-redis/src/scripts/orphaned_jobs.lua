-- Pending jobs whose key is revoked, by either side: the cursor for the next look, and rows. A look is at some of the
-- keys that have jobs. ARGV: the cursor, how many jobs.
local limit, orphans = tonumber(ARGV[2]), {}
local scan = redis.call('SSCAN', 'dalston:work:keys', ARGV[1], 'COUNT', 100)
for _, key in ipairs(scan[2]) do
  local known = #orphans < limit and row(key)
  if known and (revoked(known[2] or '') or revoked(known[7] or '')) then
    local open = 'dalston:work:open:' .. key
    local tenant = redis.call('HGET', 'dalston:jobs:' .. (redis.call('ZRANGE', open, 0, 0)[1] or ''), 'tenant')
    -- Those that an engine works on are in the way: no more of them than the tenant has.
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
