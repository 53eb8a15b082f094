-- record: dedupe + bytes + version + due + wake-up, one round trip, one fsync.
-- KEYS: event key
-- ARGV: event id, shop, platform, topic, headers, body, order key or '', why ignored or '', why alarming or '',
--       retention ms, rehint ms, '1' when no webhook brought it, '1' when a person wants it invoiced whenever it
--       was placed, link...
local id, shop, platform, topic = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local order, ignored, alarm = ARGV[7], ARGV[8], ARGV[9]
local retention, rehint = tonumber(ARGV[10]), tonumber(ARGV[11])
local found, taken_in, LINK = ARGV[12] == '1', ARGV[13], 14

-- A person wants an order that is known already: it is gone over again, once.
local function take_in(key, now)
  if redis.call('HGET', order_of(key), 'taken_in') then return end
  redis.call('HSET', order_of(key), 'taken_in', '1')
  redis.call('HINCRBY', order_of(key), 'version', 1)
  if redis.call('HGET', order_of(key), 'state') then
    redis.call('HDEL', order_of(key), 'state')
    redis.call('HSET', order_of(key), 'lane', 'backfill')
    unfile(key)
  end
  persist(key)
  redis.call('ZADD', WAITING, 'NX', now, key)
  redis.call('ZADD', DUE, 'NX', now, key)
end
local now = now_ms()
if redis.call('EXISTS', KEYS[1]) == 1 then
  local held = redis.call('HGET', KEYS[1], 'order')
  if taken_in == '1' and redis.call('EXISTS', order_of(held)) == 1 then take_in(held, now) end
  return {'duplicate', held}
end
local function link_of(link) return P .. 'link:' .. shop .. ':' .. link end

-- Where a link leads: to an order, or to the one that has adopted that since.
local function led_to(link)
  local key, onward = nil, redis.call('GET', link_of(link))
  while onward do key, onward = onward, redis.call('GET', link_of(onward)) end
  return key
end

-- Payment events that nobody knows the order of wait in an orphan; whoever knows more adopts it.
local adopt, orphans = {}, platform .. ':' .. shop .. ':payment:'
local function is_orphan(key) return string.find(key, orphans, 1, true) == 1 end
if order == '' and #ARGV >= LINK then
  order = orphans .. ARGV[LINK]
  for i = LINK, #ARGV do
    if is_orphan(order) then order = led_to(ARGV[i]) or order end
  end
end
local seen = {[order] = true}
for i = LINK, #ARGV do
  local orphan = led_to(ARGV[i])
  if orphan and not seen[orphan] and is_orphan(orphan) and redis.call('EXISTS', order_of(orphan)) == 1 then
    adopt[#adopt + 1] = orphan
    seen[orphan] = true
  end
end

redis.call('HSET', KEYS[1], 'topic', topic, 'at', now, 'headers', ARGV[5], 'body', ARGV[6], 'order', order)
-- A clock that was ahead then is right by now.
if (first_heard_ms(shop) or now) >= now then redis.call('HSET', shop_of(shop), 'first_event', now) end
-- What was found in the platform's list is no sign that its webhooks arrive.
if not found then redis.call('HSET', shop_of(shop), 'last_event', now, 'last:' .. topic, now) end
redis.call('ZADD', EVENTS, now, id)
redis.call('ZREMRANGEBYRANK', EVENTS, 0, -50001)
if not found then count(now, 'events:' .. shop, 1) end
tell(order, 'event', topic)
if ignored ~= '' then
  redis.call('HSET', KEYS[1], 'note', ignored)
  redis.call('PEXPIRE', KEYS[1], retention)
  return {'ignored', ''}
end
for i = LINK, #ARGV do redis.call('SET', link_of(ARGV[i]), order, 'NX') end
for _, orphan in ipairs(adopt) do
  for _, other in ipairs(redis.call('LRANGE', events_of(orphan), 0, -1)) do
    redis.call('RPUSH', events_of(order), other)
    redis.call('HSET', P .. 'event:' .. other, 'order', order)
    redis.call('PERSIST', P .. 'event:' .. other)
  end
  redis.call('SET', link_of(orphan), order)
  redis.call('DEL', events_of(orphan), order_of(orphan))
  redis.call('ZREM', DUE, orphan)
  redis.call('ZREM', WAITING, orphan)
  unfile(orphan)
  redis.call('ZREM', ORDERS, orphan)
end
local known = redis.call('HMGET', order_of(order), 'version', 'state', 'created')
-- An order that was finished comes back to life with all its events.
if known[2] then persist(order) end
redis.call('RPUSH', events_of(order), id)
redis.call('HSET', order_of(order), 'version', (tonumber(known[1]) or 0) + 1, 'created', known[3] or now,
  'shop', shop, 'platform', platform)
redis.call('ZADD', ORDERS, now, order)
if alarm ~= '' then
  redis.call('HSET', order_of(order), 'state', 'attention', 'reason', alarm, 'since', now)
  file(order, 'attention', now)
  return {'accepted', order}
end
if taken_in == '1' then redis.call('HSET', order_of(order), 'taken_in', '1') end
-- What nobody was waiting for goes by in the backfill lane, and waits for the sweep; an order in hand keeps its own.
local in_hand = known[1] and not known[2]
if known[1] then
  redis.call('HDEL', order_of(order), 'state', 'failing_since', 'attempts')
  if not found then redis.call('HDEL', order_of(order), 'lane') end
  unfile(order)
end
if found and not in_hand then redis.call('HSET', order_of(order), 'lane', 'backfill') end
redis.call('ZADD', WAITING, 'NX', now, order)
-- What the shop has just sent goes before whatever the sweep brings back, of which there may be thousands: its wake-up
-- is 30 s ahead, and finds room where the sweep (500) leaves off. Past that, first come first served.
if not found and redis.call('ZCARD', 'arq:queue') < 1000 then
  redis.call('ZADD', DUE, now + rehint, order)
  notify(order, now, 30000)
else
  redis.call('ZADD', DUE, now, order)
end
return {'accepted', order}
