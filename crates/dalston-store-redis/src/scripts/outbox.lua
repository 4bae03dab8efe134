-- Functions that the scripts on webhooks and the scripts that end jobs share.

-- Sets the position of an enabled webhook with pending deliveries in the queue: the time when the first of them is due.
local function place(webhook)
  local first = redis.call('ZRANGE', 'dalston:deliveries:due:' .. webhook, 0, 0, 'WITHSCORES')
  if first[2] and redis.call('HGET', 'dalston:webhooks:' .. webhook, 'enabled') == '1' then
    redis.call('ZADD', 'dalston:deliveries:due', first[2], webhook)
  else
    redis.call('ZREM', 'dalston:deliveries:due', webhook)
  end
end

-- Computes the id of a delivery, as `DeliveryId::of` does: a UUIDv8 of a SHA-256.
local function delivery_id(event, webhook)
  local digest = sha256(event.kind .. ' ' .. event.subject .. ' ' .. webhook):sub(1, 16)
  local version = string.char(bit.bor(bit.band(digest:byte(7), 0x0f), 0x80))
  local variant = string.char(bit.bor(bit.band(digest:byte(9), 0x3f), 0x80))
  return 'msg_' .. hex(digest:sub(1, 6) .. version .. digest:sub(8, 8) .. variant .. digest:sub(10))
end

-- Inserts a delivery of an event for each webhook of the tenant that subscribes to it, unless the delivery exists. The
-- event: {kind, tenant, at, subject, body}.
local function tell(event)
  for _, webhook in ipairs(redis.call('ZRANGE', 'dalston:webhooks:of:' .. event.tenant, 0, -1)) do
    local heard = redis.call('HMGET', 'dalston:webhooks:' .. webhook, 'enabled', 'events')
    local kinds = heard[2]
    if heard[1] == '1' and (kinds == '' or (' ' .. kinds .. ' '):find(' ' .. event.kind .. ' ', 1, true)) then
      local id = delivery_id(event, webhook)
      local name = 'dalston:deliveries:' .. id
      if redis.call('HSETNX', name, 'webhook', webhook) == 1 then
        redis.call('HSET', name, 'kind', event.kind, 'body', event.body, 'created', event.at, 'status', 'pending',
          'attempts', 0, 'next', event.at)
        redis.call('ZADD', 'dalston:deliveries:of:' .. webhook, event.at, id)
        redis.call('ZADD', 'dalston:deliveries:due:' .. webhook, event.at, id)
        place(webhook)
      end
    end
  end
end

-- Returns a delivery in the format of `DeliveryRow`.
local function delivery_row(id)
  local fields = {'webhook', 'kind', 'body', 'created', 'status', 'attempts', 'next', 'last', 'last_status', 'last_error'}
  return {id, unpack(redis.call('HMGET', 'dalston:deliveries:' .. id, unpack(fields)))}
end

-- Returns the record of a webhook of that tenant, or nil if there is none.
local function webhook_of(tenant, id)
  local found = redis.call('HMGET', 'dalston:webhooks:' .. id, 'record', 'tenant')
  if found[1] and found[2] == tenant then
    return found[1]
  end
end

-- Deletes up to `count` deliveries of a deleted webhook.
local function sweep_left(count)
  local webhook = redis.call('SRANDMEMBER', 'dalston:deliveries:left')
  if not webhook then
    return
  end
  local own = 'dalston:deliveries:of:' .. webhook
  for _, id in ipairs(redis.call('ZRANGE', own, 0, count - 1)) do
    redis.call('DEL', 'dalston:deliveries:' .. id)
    redis.call('ZREM', 'dalston:deliveries:ended', id)
    redis.call('ZREM', own, id)
  end
  if redis.call('EXISTS', own) == 0 then
    redis.call('SREM', 'dalston:deliveries:left', webhook)
  end
end
