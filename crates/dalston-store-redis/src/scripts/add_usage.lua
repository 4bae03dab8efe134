-- Adds a node's usage counts, unless their batch was added before. Also deletes the views of expired secrets.
-- KEYS: the set of replaced secrets, the last batch of the node, then for each count the usage, the record and the
-- digest of its key.
-- ARGV: the counts, the clock, the number of the batch, the seconds for which that number is kept.
local function add(counts)
  for i, count in ipairs(counts) do
    local usage = KEYS[3 * i]
    if redis.call('EXISTS', KEYS[3 * i + 1], KEYS[3 * i + 2]) > 0 then
      for field, more in pairs(count.more) do
        -- With pcall, so that a field which is not a number does not prevent the other counts.
        redis.pcall('HINCRBY', usage, field, more)
      end
      local last = redis.call('HGET', usage, 'last_used')
      if count.last_used and tonumber(last or 0) < tonumber(count.last_used) then
        redis.call('HSET', usage, 'last_used', count.last_used, 'last_from', count.last_from or '')
        local tenant = redis.call('HGET', KEYS[3 * i + 1], 'tenant')
        if tenant then
          redis.call('ZADD', 'dalston:keys:used:' .. tenant, 'GT', count.last_used, count.key)
          redis.call('ZADD', 'dalston:keys:idle:' .. tenant, 'XX', 'GT', count.last_used, count.key)
        end
      end
    end
  end
end

local counts, number = cjson.decode(ARGV[1]), tonumber(ARGV[3])
local last = redis.call('HMGET', KEYS[2], 'number', 'taken')
local before = tonumber(last[1] or 0)
local taken = 0
if before < number then
  taken = #counts
  redis.call('HSET', KEYS[2], 'number', ARGV[3], 'taken', taken)
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  add(counts)
elseif before == number then
  taken = tonumber(last[2])
end
local now = clock(ARGV[2])
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now), 'WITHSCORES')
for i = 1, #ended, 2 do
  redis.call('DEL', 'dalston:apikeys:' .. ended[i])
  -- Keeps the digest for another minute: a request in progress in the Python gateway may write the view back.
  if tonumber(ended[i + 1]) < now - 60000000 then
    redis.call('ZREM', KEYS[1], ended[i])
  end
end
return taken
