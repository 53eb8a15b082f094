-- set_shop_verdict: what was found out about a shop at the present floor; the first finding stands.
-- ARGV: scope, 'clean' | 'known', durable
local floor = floor_ms(ARGV[3], now_ms())
if not verdict_on(ARGV[1], floor) then
  redis.call('HSET', META, 'verdict:' .. ARGV[1], string.format('%.0f %s', floor, ARGV[2]))
end
return 1
