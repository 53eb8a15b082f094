-- distrust: Redis holds an old copy of its data: attempts before now may have been forgotten. ARGV: durable
-- → the floor as it was, the floor as it is
local now = now_ms()
local before = floor_ms(ARGV[1], now)
redis.call('HSET', META, 'floor', now, 'born', now)
return {before, now}
