-- Moves a job from a status to another, 1, unless it has moved meanwhile, 0.
-- KEYS: the job, the jobs of the status before, those of the status after.
-- ARGV: id, the status before, the status after, when it ended, audit.
if redis.call('HGET', KEYS[1], 'status') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'status', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'completed', ARGV[4])
end
redis.call('ZADD', KEYS[3], redis.call('ZSCORE', KEYS[2], ARGV[1]), ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
record(cjson.decode(ARGV[5]))
return 1
