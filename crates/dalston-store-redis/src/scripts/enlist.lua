-- Registers a node among those that share the rate limit counter.
-- KEYS: the list of nodes. Each entry has the turn in which the node joined, the turn of its last registration, the
-- turn of the list that the node uses, and the time of its last registration. ARGV: the node, the turn of the list that
-- it uses, the clock, the milliseconds for which a registration is valid.
-- Returns: the number of nodes, how many of them joined before this one, whether all of those use a list that includes
-- this one, and the turn.
local node, seen, now, lease = ARGV[1], tonumber(ARGV[2]), math.floor(clock(ARGV[3]) / 1000), tonumber(ARGV[4])
local list, others, turn, own = redis.call('HGETALL', KEYS[1]), {}, 0, nil
for i = 1, #list, 2 do
  local entry = cjson.decode(list[i + 1])
  if entry.at > now then
    -- The clock was set back.
    entry.at = now
    redis.call('HSET', KEYS[1], list[i], cjson.encode(entry))
  end
  if now - entry.at > lease then
    redis.call('HDEL', KEYS[1], list[i])
  else
    turn = math.max(turn, entry.turn)
    if list[i] == node then
      own = entry
    else
      others[#others + 1] = entry
    end
  end
end
turn = turn + 1
if own then
  own.seen = math.min(seen, own.turn)
else
  -- Any list that the node has seen is from before it joined.
  own = {joined = turn, seen = 0}
end
own.turn, own.at = turn, now
redis.call('HSET', KEYS[1], node, cjson.encode(own))
local before, known = 0, 1
for _, other in ipairs(others) do
  if other.joined < own.joined then
    before = before + 1
    if other.seen < own.joined then
      known = 0
    end
  end
end
return {#others + 1, before, known, turn}
