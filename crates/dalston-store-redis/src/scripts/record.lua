-- Writes an audit record of an action that changes nothing in the store. ARGV: audit.
return record(cjson.decode(ARGV[1]))
