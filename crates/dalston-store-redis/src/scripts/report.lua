-- Counts what a node admitted without the counter: of each of its seconds what is not known yet.
-- KEYS: the minute. ARGV: the clock, the node, and for each second its name, its age in slots, and all of its units.
local minute, node = open(KEYS[1], ARGV[1]), ARGV[2]
for at = 3, #ARGV, 3 do
  local second, age, units = node .. ':' .. ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local slot, known = minute.slot - age, minute.alone[second] or {0, 0}
  if age <= 240 and units > known[2] then
    count(minute, slot, units - known[2])
    minute.alone[second] = {math.max(slot, known[1]), units}
  end
end
keep(minute)
