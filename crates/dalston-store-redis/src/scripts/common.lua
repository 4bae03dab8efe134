-- Functions that all scripts share. This text precedes each script.

-- Formats a whole number. Numbers are doubles, exact up to 2^53, but `tostring` rounds them to 14 digits.
local function whole(number)
  return string.format('%.0f', number)
end

-- Returns the time in microseconds since 1970: the caller's if it gives one, otherwise the server's.
local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Fails where the server refuses writes: on a replica, and on a master that has too few replicas. Writes nothing, since
-- this Redis key never exists. A master with disk trouble (MISCONF) passes.
local function primary()
  local answer = redis.pcall('DEL', 'dalston:primary')
  if type(answer) == 'table' and answer.err and not answer.err:find('MISCONF', 1, true) then
    redis.call('DEL', 'dalston:primary')
  end
end

local function bytes(hex)
  return (hex:gsub('..', function(two) return string.char(tonumber(two, 16)) end))
end

local function hex(bytes)
  return (bytes:gsub('.', function(one) return string.format('%02x', one:byte()) end))
end

-- Returns the chain link of a record that follows the last one.
local function link(seq, digest)
  local last = redis.call('HGET', 'dalston:chain', 'last') or string.rep('0', 64)
  local number = struct.pack('>I4I4', math.floor(seq / 2 ^ 32), seq % 2 ^ 32)
  return hex(sha256(bytes(last) .. number .. bytes(digest)))
end

-- Assigns the next number to a change, writes its audit record and links it to the previous one. Returns the number.
-- The ids of the stream entries are these numbers, so a range of numbers is a range of the stream. The tenant's stream
-- has the fields that queries filter by, but not the records themselves.
local function record(audit)
  local number = redis.call('INCR', 'dalston:seq')
  local seq = whole(number)
  if audit then
    local hash = link(number, audit.digest)
    redis.call('HSET', 'dalston:chain', 'last', hash)
    redis.call('HSETNX', 'dalston:chain', 'first', seq)
    local marks = {'actor', audit.actor, 'action', audit.action, 'time', audit.time}
    redis.call('XADD', 'dalston:audit', seq .. '-0', 'record', audit.record, 'hash', hash, unpack(marks))
    redis.call('XADD', 'dalston:audit:' .. audit.tenant, seq .. '-0', unpack(marks))
  end
  return seq
end

-- Returns the end of the audit log: the last number and the last link.
local function mark()
  return {redis.call('GET', 'dalston:seq') or '0', redis.call('HGET', 'dalston:chain', 'last')}
end

-- Returns the fields of a stream entry as a table.
local function fields(entry)
  local found = {}
  for i = 1, #entry[2], 2 do
    found[entry[2][i]] = entry[2][i + 1]
  end
  return found
end

-- Returns the text of an entry of the key-value store, or nil if it has expired.
local function note(name, now)
  local made = redis.call('HMGET', name, 'text', 'ends')
  if made[2] and tonumber(made[2]) > now then
    return made[1]
  end
end

-- Returns the reply for an idempotency key that was used before and has not expired, or nil if it is free.
local function repeated(claim, now)
  local made = redis.call('HMGET', claim.name, 'ends', 'target', 'fingerprint')
  if made[1] and tonumber(made[1]) > now then
    return {'repeated', made[2], made[3]}
  end
end

local function keep_claim(claim, target, now)
  local left = math.ceil((tonumber(claim.ends) - now) / 1000)
  redis.call('DEL', claim.name)
  if left > 0 then
    redis.call('HSET', claim.name, 'ends', claim.ends, 'target', target, 'fingerprint', claim.fingerprint)
    redis.call('PEXPIRE', claim.name, whole(left))
  end
end

-- Inserts the tenant unless it exists. Returns whether it did.
local function ensure_tenant(id, created, name)
  if redis.call('HSETNX', 'dalston:tenants:' .. id, 'created', created) == 0 then
    return false
  end
  if name then
    redis.call('HSET', 'dalston:tenants:' .. id, 'name', name)
  end
  redis.call('ZADD', 'dalston:tenants', created, id)
  return true
end

-- Returns whether the tenant exists. If the Python gateway made all of its keys, it has no record in this store.
local function has_tenant(id)
  return redis.call('EXISTS', 'dalston:tenants:' .. id, 'dalston:apikeys:tenant:' .. id) > 0
end

-- Compares by bytes, as sorted sets order their members. Lua's own `<` follows the locale of the server.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- Returns the rank at which a page begins. `at` is an offset, or the score of a cursor whose id is `id`. The cursor's
-- item may be deleted, so its position among the items of the same score is searched.
local function start(index, at, id)
  if id == '' then
    return tonumber(at)
  end
  local low = redis.call('ZCOUNT', index, '(' .. at, '+inf')
  local high = low + redis.call('ZCOUNT', index, at, at)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if before(redis.call('ZREVRANGE', index, middle, middle)[1], id) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Returns up to `count` ids with their scores, newest first.
local function page(index, at, id, count)
  local first = start(index, at, id)
  return redis.call('ZREVRANGE', index, first, first + tonumber(count) - 1, 'WITHSCORES')
end
