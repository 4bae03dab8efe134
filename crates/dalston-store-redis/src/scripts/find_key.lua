-- Returns the key with this digest, the time, and the number of the key's last change. Writes nothing.
-- KEYS: the view at the digest, the keys by their last change. ARGV: the digest, the clock.
primary()
local seen = decode(redis.call('GET', KEYS[1]))
if not seen or type(seen.id) ~= 'string' then
  return false
end
local found = row(seen.id)
if found[2] then
  -- The digest is neither current nor overlapping: after a rotation replaced the secret, the Python gateway may have
  -- written its view back.
  if ARGV[1] ~= found[3] and ARGV[1] ~= found[4] then
    return false
  end
elseif found[3] ~= ARGV[1]
  or type(seen.tenant_id) ~= 'string'
  or redis.call('SISMEMBER', 'dalston:apikeys:tenant:' .. seen.tenant_id, seen.id) == 0
then
  -- A Python gateway that crashed has written the key in part. Such a key could be used, but neither listed nor
  -- revoked.
  return false
end
return {whole(clock(ARGV[2])), found, redis.call('ZSCORE', KEYS[2], seen.id)}
