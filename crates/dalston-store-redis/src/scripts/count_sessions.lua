-- Returns the number of a tenant's sessions. KEYS: its sessions. ARGV: the clock.
forget_lapsed(clock(ARGV[1]))
return redis.call('SCARD', KEYS[1])
