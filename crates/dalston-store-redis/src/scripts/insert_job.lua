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
redis.call('HSET', KEYS[1], 'tenant', job.tenant, 'status', job.status, 'record', job.record)
if job.completed then
  redis.call('HSET', KEYS[1], 'completed', job.completed)
end
redis.call('ZADD', KEYS[2], job.created, job.id)
redis.call('ZADD', KEYS[3], job.created, job.id)
record(job.audit)
if claim then
  keep_claim(claim, job.id, now)
end
return {'inserted'}
