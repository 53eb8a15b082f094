-- Put after common.lua before every script of the desk (bridge/desk/).
local ROW = {
  'shop', 'platform', 'number', 'state', 'reason', 'total', 'currency', 'placed', 'created', 'since', 'next',
  'attempts', 'invoice', 'invoice_id', 'set_aside', 'lane',
}

-- What a list shows of an order: key, last activity, its fields in the order of ROW.
local function row_of(key)
  return {key, redis.call('ZSCORE', ORDERS, key), redis.call('HMGET', order_of(key), unpack(ROW))}
end

-- What a list shows of an event. The head of its body tells how long it is.
local function event_row_of(id)
  local e = redis.call('HMGET', P .. 'event:' .. id, 'topic', 'at', 'order', 'note', 'erased', 'body')
  return {id, e[1], e[2], e[3], e[4], e[5], e[6] and string.sub(e[6], 1, 18)}
end

-- The payload goes; that the event came stays, so that it is not taken for a new one. → 1, or 0
local function blank(id)
  local event = P .. 'event:' .. id
  if redis.call('HDEL', event, 'body', 'headers') == 0 then return 0 end
  redis.call('HSET', event, 'erased', now_ms())
  return 1
end

-- Who did what, and when; the last 50 of each order.
local function note_action(key, now, what, who, reason)
  local noted = {at = now, what = what, who = who}
  if reason ~= '' then noted.reason = reason end
  redis.call('RPUSH', P .. 'actions:' .. key, cjson.encode(noted))
  redis.call('LTRIM', P .. 'actions:' .. key, -50, -1)
  tell(key, what, reason)
end

-- The order is due again, with a clean slate; whatever a worker is doing to it now is gone over once more.
-- delay: ms; nil rings at once.
local function wake(key, now, rehint, delay)
  redis.call('HINCRBY', order_of(key), 'version', 1)
  redis.call('HDEL', order_of(key), 'state', 'next', 'attempts', 'failing_since', 'set_aside', 'lane')
  redis.call('HSET', order_of(key), 'takes', 0)
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    redis.call('PERSIST', P .. 'event:' .. id)
  end
  redis.call('PERSIST', fetched_of(key))
  unfile(key)
  redis.call('ZADD', WAITING, 'NX', now, key)
  if delay or redis.call('ZCARD', 'arq:queue') >= 500 then
    redis.call('ZADD', DUE, now + (delay or 0), key)
  else
    redis.call('ZADD', DUE, now + rehint, key)
    notify(key, now)
  end
end

-- Has an order any webhook left to start from?
local function has_events(key)
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    if redis.call('HEXISTS', P .. 'event:' .. id, 'body') == 1 then return true end
  end
  return false
end
