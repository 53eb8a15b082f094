-- mark_restored: Redis holds an old copy of its data: attempts before now may have been forgotten. ARGV: durable
-- → the trusted_since as it was, the trusted_since as it is
local now = now_ms()
local before = trusted_since_ms(ARGV[1], now)
trust_from(now, witnessed_ms(now))
redis.call('HSET', META, 'born', now)
return {before, now}
