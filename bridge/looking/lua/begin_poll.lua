-- begin_poll: may this shop be polled now, by me alone? KEYS: the shop's poll. ARGV: token, term ms
-- → {ms until it may be asked again} | {0, cursor or ''}
local now, poll = now_ms(), redis.call('HMGET', KEYS[1], 'next', 'until', 'cursor')
local free = math.max(tonumber(poll[1]) or 0, tonumber(poll[2]) or 0)
if free > now then return {free - now} end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'until', now + tonumber(ARGV[2]))
return {0, poll[3] or ''}
