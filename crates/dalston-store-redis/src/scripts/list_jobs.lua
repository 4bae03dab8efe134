-- Returns a page of jobs. KEYS: the index. ARGV: at, id, count.
local list, all = page(KEYS[1], ARGV[1], ARGV[2], ARGV[3]), {}
for i = 1, #list, 2 do
  all[#all + 1] = job_row(list[i])
end
return all
