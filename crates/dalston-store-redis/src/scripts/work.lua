-- Functions that the scripts on jobs, quotas and the meter share.

-- Names the owner of a quota or a meter: a tenant, or one of its keys.
local function subject(tenant, key)
  return key and tenant .. ':' .. key or tenant
end

-- Returns the owners in the order in which they are checked: the key, if there is one, then the tenant. Each with '1'
-- if it is the key, otherwise '0'.
local function subjects(tenant, key)
  local all = {{subject(tenant), '0'}}
  if key then
    table.insert(all, 1, {subject(tenant, key), '1'})
  end
  return all
end

-- Returns the reply if a limit on concurrent jobs or streams is reached, otherwise nil. `counts` returns the number
-- that the key (true) or the tenant (false) has.
local function crowded(tenant, key, limit, counts)
  for _, one in ipairs(subjects(tenant, key)) do
    local most = redis.call('HGET', 'dalston:quotas:' .. one[1], limit)
    if most and counts(one[2] == '1') >= tonumber(most) then
      return {'excess', limit, one[2], most}
    end
  end
end

-- Adds to an account: {tenant, key, day, of}. The result is limited to 0 and to what a double holds exactly.
local function settle(account, ms)
  if ms == 0 then
    return
  end
  local field = account.of .. ':' .. account.day
  for _, one in ipairs(subjects(account.tenant, account.key)) do
    local name = 'dalston:meter:' .. one[1]
    local used = tonumber(redis.call('HGET', name, field) or 0)
    redis.call('HSET', name, field, whole(math.max(0, math.min(used + ms, 2 ^ 53))))
  end
end

-- Reserves an amount on an account, by the rules of `AudioAmount::within`. Returns the amount, or nil and the reply if
-- the quota is exhausted.
local function reserve(account, amount)
  local ms, least = tonumber(amount.ms), nil
  for _, one in ipairs(subjects(account.tenant, account.key)) do
    local most = redis.call('HGET', 'dalston:quotas:' .. one[1], 'seconds')
    if most then
      local used = redis.call('HMGET', 'dalston:meter:' .. one[1], 'jobs:' .. account.day, 'streams:' .. account.day)
      local left = tonumber(most) * 1000 - tonumber(used[1] or 0) - tonumber(used[2] or 0)
      if left <= 0 or (amount.kind == 'whole' and left < ms) then
        return nil, {'excess', 'seconds', one[2], most}
      end
      least = math.min(least or left, left)
    end
  end
  local granted = amount.kind == 'rest' and (least or 0) or math.min(ms, least or ms)
  settle(account, granted)
  return granted
end

-- Returns a job in the format of `JobRow`.
local function job_row(id)
  local fields = {'tenant', 'status', 'completed', 'record', 'started', 'progress', 'fence', 'reserved', 'deaths'}
  return {id, unpack(redis.call('HMGET', 'dalston:jobs:' .. id, unpack(fields)))}
end

local function jobs_of(tenant, status)
  return 'dalston:jobs:index:' .. tenant .. ':' .. status
end

-- Returns the number of a tenant's jobs that are being worked on.
local function busy(tenant)
  return redis.call('ZCARD', jobs_of(tenant, 'running')) + redis.call('ZCARD', jobs_of(tenant, 'cancelling'))
end

-- The weight of one running job in a tenant's score in the queue. The rest of the score is the number of its last turn.
local TURNS = 2 ^ 40

-- Sets the position of a tenant with due jobs in the queue: the fewest running jobs first, then the one served longest
-- ago.
local function line_up(tenant)
  if redis.call('EXISTS', 'dalston:work:due:' .. tenant) == 0 then
    redis.call('ZREM', 'dalston:work:tenants', tenant)
    return
  end
  local served = tonumber(redis.call('HGET', 'dalston:work:served', tenant) or 0)
  redis.call('ZADD', 'dalston:work:tenants', whole(busy(tenant) * TURNS + served), tenant)
end

-- Adds a job that has not ended to the index of its key. The index serves the limit on concurrent jobs, and finds the
-- jobs to cancel when the key is revoked.
local function file_open(id, key, created)
  if key then
    redis.call('ZADD', 'dalston:work:open:' .. key, created, id)
    redis.call('SADD', 'dalston:work:keys', key)
  end
end

-- Adds an ended job to the index by the time of its end.
local function file_ended(tenant, id, completed)
  redis.call('ZADD', 'dalston:work:ended:' .. tenant, completed, id)
  redis.call('SADD', 'dalston:work:ended', tenant)
end
