-- Deletes a job. Returns 1, or 0 if its status is not the given one.
-- KEYS: the job, the tenant's jobs, those of its status. ARGV: id, status, audit, tenant.
if redis.call('HGET', KEYS[1], 'status') ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
local ended = 'dalston:work:ended:' .. ARGV[4]
redis.call('ZREM', ended, ARGV[1])
if redis.call('EXISTS', ended) == 0 then
  redis.call('SREM', 'dalston:work:ended', ARGV[4])
end
record(cjson.decode(ARGV[3]))
return 1
