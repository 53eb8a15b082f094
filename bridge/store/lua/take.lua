-- take: the lease of an order and everything known of it, or nothing when another worker has it.
-- ARGV: order key, token, lease ms
local key, lease = ARGV[1], tonumber(ARGV[3])
if redis.call('EXISTS', order_of(key)) == 0 then
  redis.call('ZREM', DUE, key)
  return false
end
-- Nothing to do: the wake-up rang twice, or a person is asked.
if not redis.call('ZSCORE', DUE, key) then return false end
if not redis.call('SET', lease_of(key), ARGV[2], 'NX', 'PX', lease) then
  -- One that would last longer was taken before the clock was set back.
  if redis.call('PTTL', lease_of(key)) > lease then redis.call('PEXPIRE', lease_of(key), lease) end
  return false
end
redis.call('ZADD', DUE, now_ms() + lease + 200, key)
local takes = redis.call('HINCRBY', order_of(key), 'takes', 1)
return {takes, view_of(key)}
