-- Takes one unit of a minute when fewer than the limit count.
-- KEYS: the minute. ARGV: the limit, the clock. Returns: admitted, used, microseconds until there is more room.
local limit, minute = tonumber(ARGV[1]), open(KEYS[1], ARGV[2])
if minute.used >= limit then
  return {0, minute.used, frees_in(minute, limit - 1)}
end
count(minute, minute.slot, 1)
keep(minute)
return {1, minute.used, frees_in(minute, minute.used - 1)}
