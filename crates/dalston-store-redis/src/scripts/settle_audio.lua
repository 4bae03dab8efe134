-- Settles audio. ARGV: the account, milliseconds.
settle(cjson.decode(ARGV[1]), tonumber(ARGV[2]))
return 'settled'
