-- For how many days the ended jobs of each tenant are kept, or none. ARGV: the tenants.
local days = {}
for i, tenant in ipairs(ARGV) do
  days[i] = redis.call('HGET', 'dalston:tenants:' .. tenant, 'days')
end
return days
