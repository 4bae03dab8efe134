-- Settles leases of a rate limit window and grants a new lease. The lease has as many tokens as will be free within
-- eight slots, and starts in the first slot in which that many are free.
-- KEYS: the window. ARGV: the limit, the clock, the id of the lease, the tokens wanted, and for each lease to settle
-- its id, the number of slots, and each slot with the tokens that were spent in it.
-- Returns: tokens; the time, the start and the end; used; microseconds until more tokens are free.
local limit, minute, id, want = tonumber(ARGV[1]), open(KEYS[1], ARGV[2]), ARGV[3], tonumber(ARGV[4])

-- Removes a whole lease from its last slot, if it is not settled yet. Returns that slot.
local function give_back(slice)
  local lent = minute.lent[slice]
  if lent then
    minute.lent[slice] = nil
    count(minute, lent[1], -lent[2])
    return lent[1]
  end
end

-- If a lease was granted under the requested id before, its reply was lost and its tokens were not spent.
give_back(id)
local at = 5
while ARGV[at] do
  local last, slots = give_back(ARGV[at]), tonumber(ARGV[at + 1])
  for i = 1, slots do
    local slot, units = tonumber(ARGV[at + 2 * i]), tonumber(ARGV[at + 2 * i + 1])
    if last and slot >= minute.slot - 240 then
      count(minute, math.min(slot, last), units)
    end
  end
  at = at + 2 + 2 * slots
end

local ahead = minute.used
for i, slot in ipairs(minute.slots) do
  if slot < minute.slot - 232 then
    ahead = ahead - minute.counts[i]
  end
end
local units, first, frees = math.max(math.min(want, limit - ahead), 0), minute.slot, nil
if units > 0 then
  first = free(minute, limit - units)
  count(minute, first + 8, units)
  minute.lent[id] = {first + 8, units}
  frees = frees_in(minute, minute.used - 1)
else
  frees = frees_in(minute, limit - 1)
end
keep(minute)
local starts, ends = math.max(minute.now, first * 250000), (first + 9) * 250000
return {units, whole(minute.now), whole(starts), whole(ends), minute.used, frees}
