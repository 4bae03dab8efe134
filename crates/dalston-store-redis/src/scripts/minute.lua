-- The minute of a key: what counts in each slot of 250 ms. At a time in slot s the slots from s - 240 on count; slices
-- that nodes were lent count in their last slot, which may lie ahead, until they are settled.

-- The minute as of now. What no longer counts is forgotten.
local function open(name, given)
  local packed = redis.call('GET', name)
  local kept = packed and cmsgpack.unpack(packed) or {newest = 0, slots = {}, counts = {}, lent = {}}
  local now = clock(given)
  -- A clock that runs backwards is held at the latest slot in which something was counted.
  local slot = math.max(math.floor(now / 250000), kept.newest)
  local minute = {name = name, now = now, slot = slot, used = 0, slots = {}, counts = {}, lent = {}}
  for i, at in ipairs(kept.slots) do
    if at >= slot - 240 then
      minute.slots[#minute.slots + 1] = at
      minute.counts[#minute.counts + 1] = kept.counts[i]
      minute.used = minute.used + kept.counts[i]
    end
  end
  for id, lent in pairs(kept.lent) do
    if lent[1] >= slot - 240 then
      minute.lent[id] = lent
    end
  end
  return minute
end

-- Counts units in a slot; fewer when they are negative. Slots are in order, and the slot is one of the last.
local function count(minute, slot, units)
  local place = #minute.slots
  while place > 0 and minute.slots[place] > slot do
    place = place - 1
  end
  if minute.slots[place] ~= slot then
    place = place + 1
    table.insert(minute.slots, place, slot)
    table.insert(minute.counts, place, 0)
  end
  minute.counts[place] = minute.counts[place] + units
  minute.used = minute.used + units
  if minute.counts[place] <= 0 then
    table.remove(minute.slots, place)
    table.remove(minute.counts, place)
  end
end

-- The first slot in which at most that many of the units count.
local function free(minute, most)
  local left = minute.used
  for i, at in ipairs(minute.slots) do
    if left <= most then
      return i == 1 and minute.slot or minute.slots[i - 1] + 241
    end
    left = left - minute.counts[i]
  end
  local last = minute.slots[#minute.slots]
  return last and minute.used > most and last + 241 or minute.slot
end

-- Microseconds until at most that many of the units count.
local function frees_in(minute, most)
  return whole(math.max(free(minute, most) * 250000 - minute.now, 0))
end

local function keep(minute)
  local kept = {newest = minute.slot, slots = minute.slots, counts = minute.counts, lent = minute.lent}
  redis.call('SETEX', minute.name, 66, cmsgpack.pack(kept))
end
