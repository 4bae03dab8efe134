-- Functions that the scripts on workers and sessions share.

-- Ends a session and frees its slot. Returns whether the session existed.
local function forget_session(id)
  local had = redis.call('HMGET', 'dalston:sessions:' .. id, 'tenant', 'key', 'worker')
  if not had[1] then
    return false
  end
  redis.call('SREM', 'dalston:sessions:tenant:' .. had[1], id)
  if had[2] ~= '' then
    redis.call('SREM', 'dalston:sessions:key:' .. had[2], id)
  end
  if had[3] ~= '' then
    redis.call('SREM', 'dalston:sessions:worker:' .. had[3], id)
  end
  redis.call('DEL', 'dalston:sessions:' .. id)
  redis.call('ZREM', 'dalston:sessions', id)
  return true
end

local function forget_worker(id)
  redis.call('DEL', 'dalston:workers:id:' .. id)
  redis.call('ZREM', 'dalston:workers', id)
  redis.call('INCR', 'dalston:workers:version')
end

-- Ends the expired sessions, and removes the workers whose registration has expired.
local function forget_lapsed(now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'dalston:sessions', '-inf', whole(now))) do
    forget_session(id)
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'dalston:workers', '-inf', whole(now))) do
    forget_worker(id)
  end
end
