-- ask: an order raises a question that is the same for all orders of its kind: one order asks it for all of them,
-- in whose reason they are counted. ARGV: shop, kind, order key, its amount in cents
-- → nothing when a person has answered it, else the order that asks, how many raise it, their sum in cents
local shop, kind, key = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HEXISTS', answers_of(shop), kind) == 1 then return false end
local group = question_of(shop, kind)
redis.call('HSET', group, key, ARGV[4])
local asker = redis.call('HGET', group, 'asker') or key
local state = asker ~= key and redis.call('HGET', order_of(asker), 'state')
if state and state ~= 'attention' then asker, state = key, false end
redis.call('HSET', group, 'asker', asker)
local count, cents, fields = 0, 0, redis.call('HGETALL', group)
for i = 1, #fields, 2 do
  if fields[i] ~= 'asker' then count, cents = count + 1, cents + tonumber(fields[i + 1]) end
end
if state then
  local reason = redis.call('HGET', order_of(asker), 'reason') or ''
  reason = string.gsub(reason, '"orders":"[^"]*"', '"orders":"' .. count .. '"', 1)
  reason = string.gsub(reason, '"amount":"[^"]*"', string.format('"amount":"%.2f"', cents / 100), 1)
  redis.call('HSET', order_of(asker), 'reason', reason)
end
return {asker, tostring(count), string.format('%.0f', cents)}
