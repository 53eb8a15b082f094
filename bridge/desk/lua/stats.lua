-- stats: the counters. ARGV: how many hours back
-- → now, {orders, waiting, attention, open, ignored}, rows of the oldest waiting (0 or 1),
--   {hour, field, value...}..., {shop, last event}...
local now = now_ms()
local this = math.floor(now / 3600000)
local hours, shops, oldest = {}, {}, {}
for hour = this - tonumber(ARGV[1]) + 1, this do
  local counted = redis.call('HGETALL', stats_of(hour))
  if #counted > 0 then
    table.insert(counted, 1, string.format('%.0f', hour))
    hours[#hours + 1] = counted
  end
end
for i = 2, #ARGV do shops[#shops + 1] = {ARGV[i], redis.call('HGET', P .. 'shop:' .. ARGV[i], 'last_event')} end
for _, key in ipairs(redis.call('ZRANGE', WAITING, 0, 0)) do oldest[1] = row_of(key) end
local counts = {}
for i, list in ipairs({ORDERS, WAITING, ATTENTION, OPEN, IGNORED}) do counts[i] = redis.call('ZCARD', list) end
return {now, counts, oldest, redis.call('ZRANGE', WAITING, 0, 0, 'WITHSCORES')[2] or '0', hours, shops}
