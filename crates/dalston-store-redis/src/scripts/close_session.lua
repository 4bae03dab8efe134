-- Closes a session, 1 when it was there, else 0. ARGV: its id, the clock.
forget_lapsed(clock(ARGV[2]))
return forget_session(ARGV[1]) and 1 or 0
