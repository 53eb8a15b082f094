-- begin: may this document be created now? Writes the intent when it may.
-- ARGV: document key, order key, token, attempt, placed ms, scope, durable,
--   keys of other orders that it concerns, one per line, payment id...
-- → {'done', record} | {'busy'} | {'claimed', order key} | {'post', attempt} | {'lookup', witnessed age ms, attempt, 1 when only the ledger's youth
--   is the reason and nobody has asked yet whether it forgot anything} | {'lost'}
local ledger, order, attempt = ledger_of(ARGV[1]), ARGV[2], ARGV[4]
if redis.call('GET', lease_of(order)) ~= ARGV[3] then return {'lost'} end
-- Before there can be one.
if string.sub(ARGV[1], 1, #order + 1) == order .. ':' then remember_with(order, ARGV[1]) end
for other in string.gmatch(ARGV[8], '[^\n]+') do
  if redis.call('EXISTS', order_of(other)) == 1 then remember_with(other, ARGV[1]) end
end
local now = now_ms()
local witnessed = witnessed_ms(now)
local entry = redis.call('HMGET', ledger, 'state', 'at', 'attempt', 'owner', 'record', 'witnessed')
local state, at, owner, since = entry[1], tonumber(entry[2]), entry[4], tonumber(entry[6])
if state == 'done' then return {'done', entry[5]} end
local trusted_since = trusted_since_ms(ARGV[7], now)
local verdict = verdict_on(ARGV[6], trusted_since)
if verdict == 'clean' then
  trusted_since = 0
  if entry[3] == '?' then state = false end
end
if state == 'intent' and owner ~= order and redis.call('EXISTS', lease_of(owner)) == 1 then return {'busy'} end
-- One payment pays one sale: the first order that is about to be documented claims it. A claim is
-- void when its order was set aside, or is gone, before it had a document.
local function rival_of(payment)
  local other = redis.call('GET', payment_of(payment))
  if not other or other == order then return nil end
  local asleep = redis.call('EXISTS', order_of(other)) == 0 or redis.call('HGET', order_of(other), 'state') == 'ignored'
  local document = redis.call('HGET', ledger_of(other), 'state')
  return (not asleep or document == 'intent' or document == 'done') and other or nil
end
for i = 9, #ARGV do
  local rival = rival_of(ARGV[i])
  if rival then return {'claimed', rival} end
end
for i = 9, #ARGV do redis.call('SET', payment_of(ARGV[i]), order) end
-- An older attempt, or one that this ledger has forgotten, may exist: its time counts from the trusted_since. What was
-- placed hours after now says that the clock is wrong, and nothing of when the ledger was born.
local placed = tonumber(ARGV[5])
local unknown = not state and verdict ~= 'clean' and (placed < trusted_since + 300000 or placed > now + 7200000)
if unknown or (state and at < trusted_since) then
  state, since = 'intent', math.max(since or 0, tonumber(redis.call('HGET', META, 'floor_witnessed')) or witnessed)
  redis.call('HSET', ledger, 'state', state, 'at', trusted_since, 'attempt', entry[3] or '?', 'owner', order)
  entry[3] = entry[3] or '?'
end
if state == 'intent' then
  since = since or witnessed - math.max(0, now - at)  -- an older version noted the clock's time alone
  redis.call('HSET', ledger, 'witnessed', since)
  return {'lookup', witnessed - since, entry[3], entry[3] == '?' and not verdict and 1 or 0}
end
redis.call('HSET', ledger, 'state', 'intent', 'at', now, 'witnessed', witnessed, 'attempt', attempt, 'owner', order)
return {'post', attempt}
