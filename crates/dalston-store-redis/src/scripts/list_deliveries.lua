-- Returns a page of a webhook's deliveries. ARGV: tenant, webhook, at, id, count.
local all = {}
if webhook_of(ARGV[1], ARGV[2]) then
  local list = page('dalston:deliveries:of:' .. ARGV[2], ARGV[3], ARGV[4], ARGV[5])
  for i = 1, #list, 2 do
    all[#all + 1] = delivery_row(list[i])
  end
end
return all
