-- How many jobs each index holds, at one moment. KEYS: the indexes.
local counts = {}
for i, index in ipairs(KEYS) do
  counts[i] = redis.call('ZCARD', index)
end
return counts
