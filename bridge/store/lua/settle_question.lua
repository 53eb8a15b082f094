-- settle_question: an order that raised it does not any more, be it answered or mended: the others of its group are
-- gone over again. ARGV: shop, kind, order key
local group, now = question_of(ARGV[1], ARGV[2]), now_ms()
for _, key in ipairs(redis.call('HKEYS', group)) do
  local state = key ~= 'asker' and key ~= ARGV[3] and redis.call('HGET', order_of(key), 'state')
  if state == 'open' or state == 'attention' then
    redis.call('HINCRBY', order_of(key), 'version', 1)
    redis.call('HDEL', order_of(key), 'state', 'next', 'attempts', 'failing_since')
    redis.call('HSET', order_of(key), 'takes', 0)
    unfile(key)
    redis.call('ZADD', WAITING, 'NX', now, key)
    redis.call('ZADD', DUE, now, key)
  end
end
redis.call('DEL', group)
return 1
