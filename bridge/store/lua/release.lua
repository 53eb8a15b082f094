-- release: let go of the order with its outcome, unless it changed meanwhile: then the holder goes round again.
-- ARGV: order key, token, version seen, outcome (done|open|ignored|waiting|attention), reason, delay ms (waiting),
--       '1' when the wait counts as an attempt, retention ms, calls made as JSON or '', then fields of the order to
--       keep (name, value)...

-- The order can be found by these terms, and by those of its past.
local function index(key, old, new)
  local terms, known = old, ' ' .. old .. ' '
  for term in string.gmatch(new, '%S+') do
    if not string.find(known, ' ' .. term .. ' ', 1, true) then
      redis.call('SADD', find_of(term), key)
      terms = terms .. ' ' .. term
    end
  end
  if terms ~= new then redis.call('HSET', order_of(key), 'find', terms) end
end

local STEPS = {50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000}

-- Counts what this run came to. before: shop, invoice_id and find of the order as they were.
local function note_run(key, now, outcome, before, calls)
  local shop, after = before[1] or '', redis.call('HMGET', order_of(key), 'invoice_id', 'find')
  if after[2] and after[2] ~= before[3] then index(key, before[3] or '', after[2]) end
  local _, made = string.gsub(calls, '"ms":', '')  -- of each call; some reasons have a fact "call"
  if made > 0 then count(now, 'api_calls', made) end
  if outcome == 'done' or outcome == 'attention' then count(now, outcome .. ':' .. shop, 1) end
  if not after[1] or before[2] then return end
  local waited = now - (tonumber(redis.call('ZSCORE', WAITING, key)) or now)
  local step = 'more'
  for i = #STEPS, 1, -1 do if waited <= STEPS[i] then step = STEPS[i] end end
  count(now, 'invoices:' .. shop, 1)
  count(now, 'latency', waited)
  count(now, 'latency:' .. step, 1)
end

local key, seen, outcome = ARGV[1], tonumber(ARGV[3]), ARGV[4]
if redis.call('GET', lease_of(key)) ~= ARGV[2] then return {'lost'} end
-- Its events were adopted by another order meanwhile: nothing is left to write down.
if redis.call('EXISTS', order_of(key)) == 0 then return {'released', redis.call('DEL', lease_of(key))} end
local version = tonumber(redis.call('HGET', order_of(key), 'version'))
if version ~= seen and outcome ~= 'waiting' then return {'changed', view_of(key)} end
local now = now_ms()
local before = redis.call('HMGET', order_of(key), 'shop', 'invoice_id', 'find')
redis.call('HSET', order_of(key), 'state', outcome, 'reason', ARGV[5], 'since', now, 'takes', 0)
if #ARGV > 9 then redis.call('HSET', order_of(key), unpack(ARGV, 10)) end
if ARGV[9] ~= '' then
  redis.call('RPUSH', calls_of(key), ARGV[9])
  redis.call('LTRIM', calls_of(key), -20, -1)
end
redis.call('DEL', lease_of(key))
note_run(key, now, outcome, before, ARGV[9])
tell(key, outcome, ARGV[5])
if outcome == 'waiting' then
  local wait = version == seen and tonumber(ARGV[6]) or 0
  redis.call('ZADD', DUE, now + wait, key)
  redis.call('HSET', order_of(key), 'next', now + wait)
  if ARGV[7] == '1' then
    redis.call('HINCRBY', order_of(key), 'attempts', 1)
    redis.call('HSETNX', order_of(key), 'failing_since', now)
  end
  return {'released'}
end
redis.call('HDEL', order_of(key), 'next', 'attempts', 'failing_since', 'lane', 'credit')
redis.call('HSET', order_of(key), 'done', version)
redis.call('ZREM', DUE, key)
redis.call('ZREM', WAITING, key)
file(key, outcome, now)
if outcome ~= 'attention' then
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    redis.call('PEXPIRE', P .. 'event:' .. id, ARGV[8])
  end
  redis.call('PEXPIRE', fetched_of(key), ARGV[8])
end
return {'released'}
