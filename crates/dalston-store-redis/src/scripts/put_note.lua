-- Writes a note, 1, unless what stands there is not what is expected, 0.
-- KEYS: the note. ARGV: the text, microseconds that it lives, the clock, and what is expected unless it is nothing.
local left, now = tonumber(ARGV[2]), clock(ARGV[3])
if note(KEYS[1], now) ~= ARGV[4] then
  return 0
end
redis.call('HSET', KEYS[1], 'text', ARGV[1], 'ends', whole(now + left))
redis.call('PEXPIRE', KEYS[1], whole(math.ceil(left / 1000)))
return 1
