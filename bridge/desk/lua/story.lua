-- story: everything known of one order. ARGV: order key
-- → row, documents as JSON, keys of others that its facts do not name (one per line), '1' when a worker is at it, when due or false, events, calls, actions; or false
local key = ARGV[1]
if redis.call('EXISTS', order_of(key)) == 0 then return false end
local events = {}
for i, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do events[i] = event_row_of(id) end
return {
  row_of(key), redis.call('HGET', order_of(key), 'documents'),
  redis.call('HGET', order_of(key), 'further') or '', redis.call('EXISTS', lease_of(key)),
  redis.call('ZSCORE', DUE, key), events, redis.call('LRANGE', calls_of(key), 0, -1),
  redis.call('LRANGE', P .. 'actions:' .. key, 0, -1),
}
