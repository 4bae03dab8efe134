-- A note. KEYS: the note. ARGV: the clock.
return note(KEYS[1], clock(ARGV[1])) or false
