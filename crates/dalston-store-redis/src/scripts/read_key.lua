-- Returns a key. KEYS: the record, the digest by id, the usage. ARGV: the id.
return row(ARGV[1])
