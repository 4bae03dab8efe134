-- Files jobs of an earlier version: those that wait for the queue, the others by when they ended. It does no harm when
-- they are filed. Gives the place where the next page begins, nothing when this was the last.
-- ARGV: tenant, status, at, id, count.
local tenant, status, count = ARGV[1], ARGV[2], tonumber(ARGV[5])
local list = page(jobs_of(tenant, status), ARGV[3], ARGV[4], count)
for i = 1, #list, 2 do
  local id, created = list[i], list[i + 1]
  local name = 'dalston:jobs:' .. id
  local found = redis.call('HMGET', name, 'record', 'completed')
  if status ~= 'pending' then
    if found[2] then
      file_ended(tenant, id, found[2])
    end
  elseif not redis.call('ZSCORE', 'dalston:work:waiting', id) then
    redis.call('ZADD', 'dalston:work:due:' .. tenant, created, id)
    local job = decode(found[1]) or {}
    -- Of all actors only a key is named by a bare UUID.
    local key = type(job.created_by) == 'string' and #job.created_by == 36 and not job.created_by:find(':')
    if key then
      redis.call('HSETNX', name, 'key', job.created_by)
      file_open(id, job.created_by, created)
    end
  end
end
line_up(tenant)
if #list < 2 * count then
  return false
end
return {list[#list], list[#list - 1]}
