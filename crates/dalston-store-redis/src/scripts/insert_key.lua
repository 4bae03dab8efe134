-- Inserts a key with its digest and indexes. ARGV: {key, first, claim}, the clock.
local given = cjson.decode(ARGV[1])
local key, claim, now = given.key, given.claim, clock(ARGV[2])
local answer = claim and repeated(claim, now)
if answer then
  return answer
end
if given.first then
  -- The Python gateway makes keys in the tenant `default` alone.
  if redis.call('EXISTS', 'dalston:changes', 'dalston:apikeys:tenant:default',
    'dalston:apikeys:tenant:' .. key.tenant) > 0
  then
    return {'present'}
  end
  ensure_tenant(key.tenant, key.created)
elseif not has_tenant(key.tenant) then
  return {'unknown_tenant'}
end
if redis.call('EXISTS', 'dalston:keys:' .. key.id, 'dalston:apikeys:' .. key.digest) > 0 then
  return redis.error_reply('ERR the key is there already')
end
put(key)
if claim then
  keep_claim(claim, key.id, now)
end
return {'inserted'}
