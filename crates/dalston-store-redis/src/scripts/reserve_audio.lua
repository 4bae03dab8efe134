-- Reserves audio. ARGV: the account, milliseconds, `1` when all of it or nothing.
local granted, none = reserve(cjson.decode(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1')
return granted and {'granted', whole(granted)} or none
