-- set_shop_verdict: what was found out about a shop at the present trusted_since; the first finding stands.
-- ARGV: scope, 'clean' | 'known', durable
local trusted_since = trusted_since_ms(ARGV[3], now_ms())
if not verdict_on(ARGV[1], trusted_since) then
  redis.call('HSET', META, 'verdict:' .. ARGV[1], string.format('%.0f %s', trusted_since, ARGV[2]))
end
return 1
