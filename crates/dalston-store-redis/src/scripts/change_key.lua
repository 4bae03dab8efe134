-- Writes a changed key, unless either side changed the key since it was read.
-- ARGV: {key, seq, was_revoked, needs_admin_at, overlap, claim}, the clock.
local given = cjson.decode(ARGV[1])
local key, claim, now = given.key, given.claim, clock(ARGV[2])
local answer = claim and repeated(claim, now)
if answer then
  return answer
end
local found = row(key.id)
if found[6] ~= given.seq or revoked(found[7]) ~= given.was_revoked then
  return {'moved'}
end
if given.needs_admin_at and not another_admin(key, given.needs_admin_at) then
  return {'last_admin'}
end
local overlap, old_until = given.overlap, nil
if overlap then
  local name, current, older = 'dalston:keys:' .. key.id, found[3], found[4]
  if older and not overlap.end_running and tonumber(found[5]) > now then
    return {'overlapping', found[5]}
  end
  if older then
    redis.call('DEL', 'dalston:apikeys:' .. older)
    redis.call('ZREM', 'dalston:keys:ended', older)
  end
  local left = math.ceil(tonumber(overlap.length) / 1000)
  old_until = whole(now + tonumber(overlap.length))
  if left > 0 then
    redis.call('HSET', name, 'old', current, 'old_until', old_until)
    redis.call('PEXPIRE', 'dalston:apikeys:' .. current, whole(left))
    -- The Python gateway removes this TTL when it uses the secret. The sweep of `add_usage` then deletes the view.
    redis.call('ZADD', 'dalston:keys:ended', old_until, current)
  else
    redis.call('HDEL', name, 'old', 'old_until')
    redis.call('DEL', 'dalston:apikeys:' .. current)
  end
end
put(key)
if claim then
  keep_claim(claim, key.id, now)
end
return {'changed', old_until}
