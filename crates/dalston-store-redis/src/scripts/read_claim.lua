-- Whether a claim was made before. ARGV: the claim, the clock.
return repeated(cjson.decode(ARGV[1]), clock(ARGV[2])) or {'free'}
