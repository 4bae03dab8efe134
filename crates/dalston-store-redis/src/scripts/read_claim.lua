-- Returns whether an idempotency key was used before. ARGV: the idempotency key, the clock.
return repeated(cjson.decode(ARGV[1]), clock(ARGV[2])) or {'free'}
