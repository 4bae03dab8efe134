-- Takes one token of a rate limit window, if fewer than the limit count.
-- KEYS: the window. ARGV: the limit, the clock. Returns: admitted, used, microseconds until more tokens are free.
local limit, minute = tonumber(ARGV[1]), open(KEYS[1], ARGV[2])
if minute.used >= limit then
  return {0, minute.used, frees_in(minute, limit - 1)}
end
count(minute, minute.slot, 1)
keep(minute)
return {1, minute.used, frees_in(minute, minute.used - 1)}
