-- Closes a session. Returns 1 if it existed, otherwise 0. ARGV: its id, the clock.
forget_lapsed(clock(ARGV[2]))
return forget_session(ARGV[1]) and 1 or 0
