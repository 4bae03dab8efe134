-- Returns a page of webhook records. KEYS: the index. ARGV: at, id, count.
local list, all = page(KEYS[1], ARGV[1], ARGV[2], ARGV[3]), {}
for i = 1, #list, 2 do
  all[#all + 1] = redis.call('HGET', 'dalston:webhooks:' .. list[i], 'record')
end
return all
