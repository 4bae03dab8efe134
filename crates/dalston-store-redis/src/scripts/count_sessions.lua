-- How many sessions a tenant has. KEYS: its sessions. ARGV: the clock.
forget_lapsed(clock(ARGV[1]))
return redis.call('SCARD', KEYS[1])
