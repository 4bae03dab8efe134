-- The rate limit window of a key: the tokens that count in each slot of 250 ms. At a time in slot s, the slots from s -
-- 240 on count. A lease of tokens counts in its last slot, which may lie in the future, until it is settled.

local function keep(minute)
  local kept = {
    newest = minute.slot, slots = minute.slots, counts = minute.counts, lent = minute.lent, alone = minute.alone,
  }
  redis.call('SETEX', minute.name, 66, cmsgpack.pack(kept))
end

-- Reads the window as of now, without the slots that no longer count. If the clock was set back, moves all slots back
-- by the same time, as if no time had passed.
local function open(name, given)
  local packed = redis.call('GET', name)
  local kept = packed and cmsgpack.unpack(packed) or {newest = 0, slots = {}, counts = {}, lent = {}}
  local now = clock(given)
  local slot = math.floor(now / 250000)
  local back = math.max(kept.newest - slot, 0)
  local first = slot + back - 240
  local minute = {name = name, now = now, slot = slot, used = 0, slots = {}, counts = {}, lent = {}, alone = {}}
  for i, at in ipairs(kept.slots) do
    if at >= first then
      minute.slots[#minute.slots + 1] = at - back
      minute.counts[#minute.counts + 1] = kept.counts[i]
      minute.used = minute.used + kept.counts[i]
    end
  end
  for id, lent in pairs(kept.lent) do
    if lent[1] >= first then
      minute.lent[id] = {lent[1] - back, lent[2]}
    end
  end
  for second, alone in pairs(kept.alone or {}) do
    if alone[1] >= first then
      minute.alone[second] = {alone[1] - back, alone[2]}
    end
  end
  if back > 0 then
    keep(minute)
  end
  return minute
end

-- Adds tokens to a slot, or subtracts them if `units` is negative. The slots are sorted, and the slot is one of the
-- last, so the search runs backwards.
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

-- Returns the first slot in which at most `most` of the tokens count.
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

-- Returns the microseconds until at most `most` of the tokens count.
local function frees_in(minute, most)
  return whole(math.max(free(minute, most) * 250000 - minute.now, 0))
end
