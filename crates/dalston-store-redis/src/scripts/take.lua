-- Takes one unit of a window when fewer than the limit count: one count a second, those of `s - 60` to `s` count.
-- KEYS: the window. ARGV: the limit, the clock. Returns: admitted, used, microseconds until there is more room.
local limit, now = tonumber(ARGV[1]), clock(ARGV[2])
local second = math.floor(now / 1000000)
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  -- A clock that runs backwards is held at the latest second seen.
  second = math.max(second, tonumber(flat[i]))
end
local used, counts, gone = 0, {}, {}
for i = 1, #flat, 2 do
  local at, count = tonumber(flat[i]), tonumber(flat[i + 1])
  if at >= second - 60 then
    used = used + count
    counts[#counts + 1] = {at, count}
  else
    gone[#gone + 1] = flat[i]
  end
end
table.sort(counts, function(a, b) return a[1] < b[1] end)
if used >= limit then
  local left, frees = used, second
  for _, count in ipairs(counts) do
    left, frees = left - count[2], count[1]
    if left < limit then
      break
    end
  end
  return {0, used, whole((frees + 61) * 1000000 - now)}
end
redis.call('HINCRBY', KEYS[1], whole(second), 1)
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
end
redis.call('EXPIRE', KEYS[1], 62)
local oldest = counts[1] and counts[1][1] or second
return {1, used + 1, whole((oldest + 61) * 1000000 - now)}
