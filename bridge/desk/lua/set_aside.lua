-- set_aside: a person takes the order out of the bridge's hands, until somebody retries it: new events are kept
-- but change nothing.
-- ARGV: order key, who, 'ignored' | 'attention', reason, retention ms
-- → 'done' | 'already' | 'unknown' | 'busy' (a worker is at it)
local key, state, reason = ARGV[1], ARGV[3], ARGV[4]
local order = order_of(key)
if redis.call('EXISTS', order) == 0 then return 'unknown' end
local is = redis.call('HMGET', order, 'state', 'set_aside', 'reason')
if is[1] == state and is[2] == state and is[3] == reason then return 'already' end
if redis.call('EXISTS', lease_of(key)) == 1 then return 'busy' end
local now = now_ms()
redis.call('HSET', order, 'state', state, 'set_aside', state, 'reason', reason, 'since', now)
redis.call('HDEL', order, 'next', 'attempts', 'failing_since', 'lane')
redis.call('ZREM', DUE, key)
redis.call('ZREM', WAITING, key)
file(key, state, now)
for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
  if state == 'ignored' then
    redis.call('PEXPIRE', P .. 'event:' .. id, ARGV[5])
  else
    redis.call('PERSIST', P .. 'event:' .. id)
  end
end
if state == 'ignored' then redis.call('PEXPIRE', fetched_of(key), ARGV[5])
else redis.call('PERSIST', fetched_of(key)) end
note_action(key, now, state == 'ignored' and 'ignore' or 'send_to_person', ARGV[2], reason)
return 'done'
