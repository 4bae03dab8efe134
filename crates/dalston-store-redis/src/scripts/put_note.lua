-- Writes an entry of the key-value store. Returns 1, or 0 if its present text is not the expected one.
-- KEYS: the entry. ARGV: the text, its TTL in microseconds, the clock, and the expected text unless no entry is
-- expected.
local left, now = tonumber(ARGV[2]), clock(ARGV[3])
if note(KEYS[1], now) ~= ARGV[4] then
  return 0
end
redis.call('HSET', KEYS[1], 'text', ARGV[1], 'ends', whole(now + left))
redis.call('PEXPIRE', KEYS[1], whole(math.ceil(left / 1000)))
return 1
