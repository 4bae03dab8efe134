-- Indexes jobs of an earlier version: pending jobs for the queue, the others by their end. Idempotent: indexed jobs
-- stay as they are. Returns the place where the next page begins, or false after the last page.
-- ARGV: tenant, status, at, id, count.
local tenant, status, count = ARGV[1], ARGV[2], tonumber(ARGV[5])
local due = 'dalston:work:due:' .. tenant
local list = page(jobs_of(tenant, status), ARGV[3], ARGV[4], count)
for i = 1, #list, 2 do
  local id, created = list[i], list[i + 1]
  local name = 'dalston:jobs:' .. id
  if status ~= 'pending' then
    local completed = redis.call('HGET', name, 'completed')
    if completed then
      file_ended(tenant, id, completed)
    end
  elseif not redis.call('ZSCORE', due, id) and not redis.call('ZSCORE', 'dalston:work:waiting', id) then
    redis.call('ZADD', due, created, id)
    local job = decode(redis.call('HGET', name, 'record')) or {}
    -- Of all actors, only a key is named by a bare UUID.
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
