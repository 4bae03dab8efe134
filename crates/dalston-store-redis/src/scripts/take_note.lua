-- Deletes an entry of the key-value store and returns its text. KEYS: the entry. ARGV: the clock.
local text = note(KEYS[1], clock(ARGV[1]))
redis.call('DEL', KEYS[1])
return text or false
