-- Returns a page of audit records, newest first: the number, the record and the link of each; and the number at which
-- the scan stopped if it reached its bound. ARGV: {tenant, actor, action, since, until, before, count, reach}.
local asked = cjson.decode(ARGV[1])
-- Records from before the chain are in no tenant's stream, and have the fields to filter by only in their JSON.
local first = redis.call('HGET', 'dalston:chain', 'first')
local indexed = asked.tenant and first and (not asked.before or tonumber(asked.before) > tonumber(first))
local stream = indexed and 'dalston:audit:' .. asked.tenant or 'dalston:audit'

local function fits(found)
  local time = tonumber(found.time)
  -- The caller filters the records from before the chain.
  return not time or (not asked.actor or found.actor == asked.actor)
    and (not asked.action or found.action == asked.action)
    and (not asked.since or tonumber(asked.since) <= time)
    and (not asked['until'] or time < tonumber(asked['until']))
end

local page, looked, last = {}, 0, asked.before and '(' .. asked.before .. '-0' or '+'
while looked < asked.reach do
  local count = math.min(math.max(asked.count, 50), asked.reach - looked)
  local entries = redis.call('XREVRANGE', stream, last, '-', 'COUNT', count)
  for _, entry in ipairs(entries) do
    local found = fields(entry)
    if fits(found) then
      if indexed then
        found = fields(redis.call('XRANGE', 'dalston:audit', entry[1], entry[1])[1])
      end
      page[#page + 1] = {entry[1], found.record, found.hash or false}
      if #page == asked.count then
        return {page, false}
      end
    end
    last = '(' .. entry[1]
  end
  looked = looked + #entries
  if #entries < count then
    local older = indexed and redis.call('XREVRANGE', 'dalston:audit', '(' .. first .. '-0', '-', 'COUNT', 1) or {}
    return {page, #older > 0 and first}
  end
end
return {page, last:match('%d+')}
