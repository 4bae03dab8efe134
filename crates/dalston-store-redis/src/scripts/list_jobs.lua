-- A page of jobs. KEYS: the index. ARGV: at, id, count.
local list, all = page(KEYS[1], ARGV[1], ARGV[2], ARGV[3]), {}
for i = 1, #list, 2 do
  local fields = redis.call('HMGET', 'dalston:jobs:' .. list[i], 'tenant', 'status', 'completed', 'record')
  all[#all + 1] = {list[i], unpack(fields)}
end
return all
