-- Settles slices of a minute and lends another: as many units as there will be within eight slots, from the first slot
-- on in which there are as many.
-- KEYS: the minute. ARGV: the limit, the clock, the id of the slice, the units wanted, and for each slice to settle its
-- id, the number of slots, and each slot with the units that were spent in it.
-- Returns: units; the time, the start and the end; used; microseconds until there is more room.
local limit, minute, id, want = tonumber(ARGV[1]), open(KEYS[1], ARGV[2]), ARGV[3], tonumber(ARGV[4])

-- Takes a whole slice out of its last slot, if it is not settled yet.
local function give_back(slice)
  local lent = minute.lent[slice]
  if lent then
    minute.lent[slice] = nil
    count(minute, lent[1], -lent[2])
    return lent[1]
  end
end

-- One that was lent under the id that is asked for was lent in vain: the answer was lost.
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
