-- Functions that the scripts on keys share.

-- Decodes the JSON at a digest, which the Python gateway writes too. Returns nil if it is invalid.
local function decode(view)
  local fine, seen = pcall(cjson.decode, view or '')
  if fine and type(seen) == 'table' then
    return seen
  end
end

local function revoked(view)
  local seen = decode(view)
  return seen ~= nil and seen.revoked_at ~= nil and seen.revoked_at ~= cjson.null
end

-- Returns a key with all data that belongs to it. The record is false if only the Python gateway knows the key; the
-- digest is false too if neither side does.
local function row(id, score)
  local own = redis.call('HMGET', 'dalston:keys:' .. id, 'record', 'digest', 'old', 'old_until', 'seq')
  local digest = own[2] or redis.call('GET', 'dalston:apikeys:id:' .. id)
  local view = digest and redis.call('GET', 'dalston:apikeys:' .. digest)
  local used = redis.call('HGET', 'dalston:usage:' .. id, 'last_used')
  return {id, own[1], digest, own[3], own[4], own[5], view, used, score or false}
end

-- Converts a list of alternating ids and scores to rows.
local function rows(list)
  local all = {}
  for i = 1, #list, 2 do
    all[#all + 1] = row(list[i], whole(tonumber(list[i + 1])))
  end
  return all
end

-- Returns whether the tenant has another admin key that is live at that time, according to both sides.
local function another_admin(key, at)
  local admins = redis.call('ZRANGEBYSCORE', 'dalston:keys:admins:' .. key.tenant, '(' .. at, '+inf')
  for _, id in ipairs(admins) do
    local view = id ~= key.id and row(id)[7]
    if view and not revoked(view) then
      return true
    end
  end
  return false
end

-- Adds a key to the indexes for statistics: all keys by their last use; and those that are neither revoked nor disabled
-- by their expiry, and by their last use or creation, whichever is later.
local function file(key)
  local used = key.last_used and tonumber(key.last_used) or -math.huge
  local counted = redis.call('HGET', 'dalston:usage:' .. key.id, 'last_used')
  if counted then
    used = math.max(used, tonumber(counted))
  end
  -- From now on, the script for usage counts finds the tenant of the key here.
  redis.call('HSET', 'dalston:keys:' .. key.id, 'tenant', key.tenant)
  redis.call('ZADD', 'dalston:keys:used:' .. key.tenant, whole(used), key.id)
  if key.open_until then
    redis.call('ZADD', 'dalston:keys:open:' .. key.tenant, key.open_until, key.id)
    redis.call('ZADD', 'dalston:keys:idle:' .. key.tenant, whole(math.max(used, tonumber(key.created))), key.id)
  else
    redis.call('ZREM', 'dalston:keys:open:' .. key.tenant, key.id)
    redis.call('ZREM', 'dalston:keys:idle:' .. key.tenant, key.id)
  end
end

-- Writes a key: record, shared view, indexes, change number, audit record. Wakes the nodes that wait for changes.
local function put(key)
  local name = 'dalston:keys:' .. key.id
  local seq = record(key.audit)
  redis.call('HSET', name, 'record', key.record, 'digest', key.digest, 'seq', seq)
  if key.share then
    redis.call('SET', 'dalston:apikeys:' .. key.digest, key.record)
  end
  if key.old_record then
    redis.call('SET', 'dalston:apikeys:' .. key.old, key.old_record, 'XX', 'KEEPTTL')
  end
  redis.call('SET', 'dalston:apikeys:id:' .. key.id, key.digest)
  redis.call('SADD', 'dalston:apikeys:tenant:' .. key.tenant, key.id)
  redis.call('SREM', 'dalston:keys:strays:' .. key.tenant, key.id)
  redis.call('ZADD', 'dalston:keys:all:' .. key.tenant, key.created, key.id)
  if key.revoked then
    redis.call('ZREM', 'dalston:keys:live:' .. key.tenant, key.id)
  else
    redis.call('ZADD', 'dalston:keys:live:' .. key.tenant, key.created, key.id)
  end
  if key.admin_until then
    redis.call('ZADD', 'dalston:keys:admins:' .. key.tenant, key.admin_until, key.id)
  else
    redis.call('ZREM', 'dalston:keys:admins:' .. key.tenant, key.id)
  end
  file(key)
  redis.call('ZADD', 'dalston:changes', seq, key.id)
  -- Uses entry ids of the server's own: change numbers may decrease when a backup is restored, and a reader waits for
  -- greater ids.
  redis.call('XADD', 'dalston:wakes', 'MAXLEN', 16, '*', 'seq', seq)
end
