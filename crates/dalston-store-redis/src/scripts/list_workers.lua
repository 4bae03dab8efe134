-- Returns the workers: the record, the number of sessions, and the expiry of the registration of each. ARGV: the clock.
forget_lapsed(clock(ARGV[1]))
local workers, all = redis.call('ZRANGE', 'dalston:workers', 0, -1, 'WITHSCORES'), {}
for i = 1, #workers, 2 do
  local id = workers[i]
  local load = redis.call('SCARD', 'dalston:sessions:worker:' .. id)
  all[#all + 1] = {redis.call('HGET', 'dalston:workers:id:' .. id, 'record'), load, workers[i + 1]}
end
return all
