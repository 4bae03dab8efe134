-- What the scripts on jobs, quotas and the meter share.

-- A subject of quotas and the meter: a tenant, or a key of it.
local function subject(tenant, key)
  return key and tenant .. ':' .. key or tenant
end

-- The subjects of a key or of none in the order in which they are asked, each with whether it is the key.
local function subjects(tenant, key)
  local all = {{subject(tenant), '0'}}
  if key then
    table.insert(all, 1, {subject(tenant, key), '1'})
  end
  return all
end

-- The answer when a limit of so many at once has no room, nil when it has. `counts`: how many the tenant and the key
-- have.
local function crowded(tenant, key, limit, counts)
  for _, one in ipairs(subjects(tenant, key)) do
    local most = redis.call('HGET', 'dalston:quotas:' .. one[1], limit)
    if most and counts(one[2] == '1') >= tonumber(most) then
      return {'excess', limit, one[2], most}
    end
  end
end

-- Adds to an account: {tenant, key, day, of}. Never below 0, and never above what a double holds.
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

-- Reserves an amount on an account, as `Amount::within` decides: how much, or nil and the answer when there is none.
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

-- A job as it is read, `JobRow`.
local function job_row(id)
  local fields = {'tenant', 'status', 'completed', 'record', 'started', 'progress', 'fence', 'reserved', 'deaths'}
  return {id, unpack(redis.call('HMGET', 'dalston:jobs:' .. id, unpack(fields)))}
end

local function jobs_of(tenant, status)
  return 'dalston:jobs:index:' .. tenant .. ':' .. status
end

-- How many jobs of a tenant an engine works on.
local function busy(tenant)
  return redis.call('ZCARD', jobs_of(tenant, 'running')) + redis.call('ZCARD', jobs_of(tenant, 'cancelling'))
end

-- How a tenant's place in the line says how many of its jobs run: the rest is its last turn.
local TURNS = 2 ^ 40

-- Gives a tenant with due jobs its place in the line: the fewest running first, then who was served longest ago.
local function line_up(tenant)
  if redis.call('EXISTS', 'dalston:work:due:' .. tenant) == 0 then
    redis.call('ZREM', 'dalston:work:tenants', tenant)
    return
  end
  local served = tonumber(redis.call('HGET', 'dalston:work:served', tenant) or 0)
  redis.call('ZADD', 'dalston:work:tenants', whole(busy(tenant) * TURNS + served), tenant)
end

-- Files a job that has not ended by its key, for the count of its jobs and for the end of the key.
local function file_open(id, key, created)
  if key then
    redis.call('ZADD', 'dalston:work:open:' .. key, created, id)
    redis.call('SADD', 'dalston:work:keys', key)
  end
end

-- Files an ended job by when it ended.
local function file_ended(tenant, id, completed)
  redis.call('ZADD', 'dalston:work:ended:' .. tenant, completed, id)
  redis.call('SADD', 'dalston:work:ended', tenant)
end
