-- extend_poll: the poll goes on. KEYS: the shop's poll. ARGV: token, term ms → 1, or 0 when another has it
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'until', now_ms() + tonumber(ARGV[2]))
return 1
