-- Takes a note away and gives it. KEYS: the note. ARGV: the clock.
local text = note(KEYS[1], clock(ARGV[1]))
redis.call('DEL', KEYS[1])
return text or false
