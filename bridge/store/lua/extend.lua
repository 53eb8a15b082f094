-- extend: the holder is alive. ARGV: order key, token, lease ms
local key, lease = ARGV[1], tonumber(ARGV[3])
if redis.call('GET', lease_of(key)) ~= ARGV[2] then return 0 end
redis.call('PEXPIRE', lease_of(key), lease)
redis.call('ZADD', DUE, 'XX', now_ms() + lease + 200, key)
return 1
