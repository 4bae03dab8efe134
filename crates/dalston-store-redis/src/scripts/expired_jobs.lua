-- Returns the ended jobs whose retention is over, the earliest end first, as rows. ARGV: the retention in days of
-- tenants without a setting, or empty; the time; the limit.
local at, limit, found = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
local function cut()
  table.sort(found, function(a, b)
    return a[1] < b[1] or (a[1] == b[1] and before(a[2], b[2]))
  end)
  for i = #found, limit + 1, -1 do
    found[i] = nil
  end
end
for _, tenant in ipairs(redis.call('SMEMBERS', 'dalston:work:ended')) do
  local days = redis.call('HGET', 'dalston:tenants:' .. tenant, 'days') or ARGV[1]
  if days ~= '' then
    local last = whole(at - tonumber(days) * 86400000000)
    local index = 'dalston:work:ended:' .. tenant
    local list = redis.call('ZRANGEBYSCORE', index, '-inf', last, 'WITHSCORES', 'LIMIT', 0, limit)
    for i = 1, #list, 2 do
      found[#found + 1] = {tonumber(list[i + 1]), list[i]}
    end
    if #found > 2 * limit then
      cut()
    end
  end
end
cut()
local rows = {}
for i, one in ipairs(found) do
  rows[i] = job_row(one[2])
end
return rows
