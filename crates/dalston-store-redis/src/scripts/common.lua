-- What the scripts share: it stands before each of them.

-- Numbers are doubles: whole up to 2^53, but `tostring` rounds them to 14 digits.
local function whole(number)
  return string.format('%.0f', number)
end

-- Microseconds since 1970: by the clock of the caller where it gives one, else by the server's.
local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Fails where writes are refused: on a replica, and on a master that has too few of them. Writes nothing: there is no such
-- key. A master whose disk is in trouble is one all the same.
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

-- The link of a record behind the last one.
local function link(seq, digest)
  local last = redis.call('HGET', 'dalston:chain', 'last') or string.rep('0', 64)
  local number = struct.pack('>I4I4', math.floor(seq / 2 ^ 32), seq % 2 ^ 32)
  return hex(sha256(bytes(last) .. number .. bytes(digest)))
end

-- Numbers a change, records it and links it to the one before. The streams' ids are the numbers: a range by number is
-- a range of the stream. The tenant's stream has what its records are asked for by, and not the records.
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

-- The end of the record: the last number, and the last link.
local function mark()
  return {redis.call('GET', 'dalston:seq') or '0', redis.call('HGET', 'dalston:chain', 'last')}
end

-- What stands in an entry of a stream.
local function fields(entry)
  local found = {}
  for i = 1, #entry[2], 2 do
    found[entry[2][i]] = entry[2][i + 1]
  end
  return found
end

-- The text of a note that has not lapsed.
local function note(name, now)
  local made = redis.call('HMGET', name, 'text', 'ends')
  if made[2] and tonumber(made[2]) > now then
    return made[1]
  end
end

-- The answer for a claim that was made before and has not lapsed; nil when it is free.
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

-- Makes the tenant unless it is there. Tells whether it did.
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

-- A tenant whose keys were all made by the Python gateway has no record of ours.
local function has_tenant(id)
  return redis.call('EXISTS', 'dalston:tenants:' .. id, 'dalston:apikeys:tenant:' .. id) > 0
end

-- By bytes, as sorted sets order their members: Lua's own `<` follows the locale of the server.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- The rank where a page begins: `at` is an offset, or the score of a cursor whose id is `id`. The cursor's item may
-- be gone, so its place among those of the same score is searched.
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

-- Up to `count` ids with their scores, newest first.
local function page(index, at, id, count)
  local first = start(index, at, id)
  return redis.call('ZREVRANGE', index, first, first + tonumber(count) - 1, 'WITHSCORES')
end
