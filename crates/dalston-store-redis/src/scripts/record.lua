-- Records what changes nothing else. ARGV: audit.
return record(cjson.decode(ARGV[1]))
