-- replayable: the orders that a replay goes over, oldest first. What a person set aside is not among them.
-- ARGV: since ms, '1' for the failed ones only, shop or '' → order key...
local since, failed, shop = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3]
local keys = {}
local function add(key)
  local is = redis.call('HMGET', order_of(key), 'state', 'shop', 'set_aside', 'attempts', 'since')
  if is[3] or not is[1] or (shop ~= '' and is[2] ~= shop) then return end
  if failed and is[1] == 'waiting' and (tonumber(is[4]) or 0) == 0 then return end
  if failed and tonumber(is[5]) < since then return end
  keys[#keys + 1] = key
end
if failed then
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', ATTENTION, since, '+inf')) do add(key) end
  for _, key in ipairs(redis.call('ZRANGE', WAITING, 0, -1)) do add(key) end
else
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', ORDERS, since, '+inf')) do add(key) end
end
return keys
