-- Returns a delivery, its webhook's record, and the time. ARGV: tenant, id, the clock.
local delivery = delivery_row(ARGV[2])
local hook = delivery[2] and webhook_of(ARGV[1], delivery[2])
if not hook then
  return false
end
return {delivery, hook, whole(clock(ARGV[3]))}
