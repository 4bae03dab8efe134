-- Counts requests that a node admitted locally: for each second of the node, the part that is not counted yet.
-- KEYS: the window. ARGV: the clock, the node, and for each second its name, its age in slots, and its total of tokens.
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
