-- Wrong signatures at a shop's door since its last good event. ARGV: shop, how many more
local shop, now = P .. 'shop:' .. ARGV[1], now_ms()
local life = redis.call('HMGET', shop, 'last_event', 'refused_at')
if (tonumber(life[1]) or 0) > (tonumber(life[2]) or 0) then
  redis.call('HDEL', shop, 'bad_signatures', 'refused_since')
end
redis.call('HSET', shop, 'refused_at', now)
redis.call('HSETNX', shop, 'refused_since', now)
return redis.call('HINCRBY', shop, 'bad_signatures', ARGV[2])
