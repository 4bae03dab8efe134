-- Reserves audio. ARGV: the account, the amount.
local granted, none = reserve(cjson.decode(ARGV[1]), cjson.decode(ARGV[2]))
return granted and {'granted', whole(granted)} or none
