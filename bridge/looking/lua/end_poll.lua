-- end_poll: the poll is over. Only a good one moves the cursor. KEYS: the shop's poll. ARGV: token, ms until the next,
--           new cursor or '', why it failed or ''
local now, key = now_ms(), KEYS[1]
if redis.call('HGET', key, 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', key, 'next', now + tonumber(ARGV[2]), 'until', 0, 'tried', now)
if ARGV[4] == '' then
  redis.call('HSET', key, 'cursor', ARGV[3], 'polled', now)
  redis.call('HDEL', key, 'problem', 'failing_since')
else
  redis.call('HSET', key, 'problem', ARGV[4])
  redis.call('HSETNX', key, 'failing_since', now)
end
return 1
