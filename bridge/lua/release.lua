-- release: let go of the order with its outcome, unless it changed meanwhile: then the holder goes round again.
-- ARGV: order key, token, version seen, outcome (done|open|ignored|waiting|attention), reason, delay ms (waiting),
--       '1' when the wait counts as an attempt, retention ms, calls made as JSON or '', then fields of the order to
--       keep (name, value)...
local key, seen, outcome = ARGV[1], tonumber(ARGV[3]), ARGV[4]
if redis.call('GET', lease_of(key)) ~= ARGV[2] then return {'lost'} end
-- Its events were adopted by another order meanwhile: nothing is left to write down.
if redis.call('EXISTS', order_of(key)) == 0 then return {'released', redis.call('DEL', lease_of(key))} end
local version = tonumber(redis.call('HGET', order_of(key), 'version'))
if version ~= seen and outcome ~= 'waiting' then return {'changed', view_of(key)} end
local now = now_ms()
redis.call('HSET', order_of(key), 'state', outcome, 'reason', ARGV[5], 'since', now, 'takes', 0)
if #ARGV > 9 then redis.call('HSET', order_of(key), unpack(ARGV, 10)) end
if ARGV[9] ~= '' then
  redis.call('RPUSH', calls_of(key), ARGV[9])
  redis.call('LTRIM', calls_of(key), -20, -1)
end
redis.call('DEL', lease_of(key))
if outcome == 'waiting' then
  local wait = version == seen and tonumber(ARGV[6]) or 0
  redis.call('ZADD', DUE, now + wait, key)
  redis.call('HSET', order_of(key), 'next', now + wait)
  if ARGV[7] == '1' then redis.call('HINCRBY', order_of(key), 'attempts', 1) end
  redis.call('HSETNX', order_of(key), 'failing_since', now)
  return {'released'}
end
redis.call('HDEL', order_of(key), 'next', 'attempts', 'failing_since')
redis.call('HSET', order_of(key), 'done', version)
redis.call('ZREM', DUE, key)
redis.call('ZREM', WAITING, key)
if outcome == 'attention' then
  redis.call('ZADD', ATTENTION, now, key)
else
  redis.call('ZREM', ATTENTION, key)
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    redis.call('PEXPIRE', P .. 'event:' .. id, ARGV[8])
  end
  redis.call('PEXPIRE', fetched_of(key), ARGV[8])
end
return {'released'}
