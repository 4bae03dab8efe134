-- Returns an entry of the key-value store. KEYS: the entry. ARGV: the clock.
return note(KEYS[1], clock(ARGV[1])) or false
