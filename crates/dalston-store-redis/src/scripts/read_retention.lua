-- Returns the retention of ended jobs in days for each tenant, false if not set. ARGV: the tenants.
local days = {}
for i, tenant in ipairs(ARGV) do
  days[i] = redis.call('HGET', 'dalston:tenants:' .. tenant, 'days')
end
return days
