-- Returns the keys that changed after a checkpoint: the next checkpoint, and rows by the number of their last change.
-- If the log diverged at the checkpoint: the end of the log, and false. KEYS: the changes. ARGV: the number and the
-- link of the checkpoint, the limit.
primary()
local function link_at(seq)
  local last = redis.call('XREVRANGE', 'dalston:audit', seq .. '-0', '-', 'COUNT', 1)[1]
  return last and fields(last).hash or false
end

local last = mark()
if tonumber(ARGV[1]) > tonumber(last[1]) or (link_at(ARGV[1]) or '') ~= ARGV[2] then
  return {last, false}
end
local list = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
if #list == 2 * tonumber(ARGV[3]) then
  local seq = #list > 0 and whole(tonumber(list[#list])) or ARGV[1]
  last = {seq, link_at(seq)}
end
return {last, rows(list)}
