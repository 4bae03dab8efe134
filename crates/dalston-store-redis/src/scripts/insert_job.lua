-- Inserts a job. KEYS: the job, the tenant's jobs, those of its status. ARGV: {id, tenant, …}, the clock.
local job, now = cjson.decode(ARGV[1]), clock(ARGV[2])
local claim = job.claim
local answer = claim and repeated(claim, now)
if answer then
  return answer
end
if not has_tenant(job.tenant) then
  return {'unknown_tenant'}
end
if redis.call('EXISTS', KEYS[1]) > 0 then
  return redis.error_reply('ERR the job is there already')
end
local account = job.account
local full = crowded(job.tenant, account.key, 'jobs', function(of_key)
  if of_key then
    return redis.call('ZCARD', 'dalston:work:open:' .. account.key)
  end
  return busy(job.tenant) + redis.call('ZCARD', jobs_of(job.tenant, 'pending'))
end)
if full then
  return full
end
local reserved, none = reserve(account, job.reserve)
if not reserved then
  return none
end
redis.call('HSET', KEYS[1], 'tenant', job.tenant, 'status', job.status, 'record', job.record, 'reserved',
  whole(reserved))
for _, field in ipairs({'completed', 'started', 'progress'}) do
  if job[field] then
    redis.call('HSET', KEYS[1], field, job[field])
  end
end
if account.key then
  redis.call('HSET', KEYS[1], 'key', account.key)
end
redis.call('ZADD', KEYS[2], job.created, job.id)
redis.call('ZADD', KEYS[3], job.created, job.id)
if not job.ended then
  file_open(job.id, account.key, job.created)
elseif job.completed then
  file_ended(job.tenant, job.id, job.completed)
end
if job.status == 'pending' then
  redis.call('ZADD', 'dalston:work:due:' .. job.tenant, job.created, job.id)
end
line_up(job.tenant)
record(job.audit)
if claim then
  keep_claim(claim, job.id, now)
end
return {'inserted'}
