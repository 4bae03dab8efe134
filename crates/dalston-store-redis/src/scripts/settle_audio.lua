-- Adds to an account, or subtracts from it. ARGV: the account, milliseconds.
settle(cjson.decode(ARGV[1]), tonumber(ARGV[2]))
return 'settled'
