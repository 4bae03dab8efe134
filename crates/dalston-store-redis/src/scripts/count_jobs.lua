-- Returns the sizes of the indexes, as one snapshot. KEYS: the indexes.
local counts = {}
for i, index in ipairs(KEYS) do
  counts[i] = redis.call('ZCARD', index)
end
return counts
