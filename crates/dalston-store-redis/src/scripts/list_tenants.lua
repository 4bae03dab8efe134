-- Returns a page of tenants. KEYS: the index. ARGV: at, id, count.
local list, all = page(KEYS[1], ARGV[1], ARGV[2], ARGV[3]), {}
for i = 1, #list, 2 do
  all[#all + 1] = {list[i], unpack(redis.call('HMGET', 'dalston:tenants:' .. list[i], 'created', 'name'))}
end
return all
