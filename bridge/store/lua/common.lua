-- Put before every script. Scripts do not roll back: each reads and checks everything first, then writes.
-- Keys are built here from P (the prefix), which is right for the one primary the bridge runs on.
local P = 'bridge:'

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function order_of(key) return P .. 'order:' .. key end
local function events_of(key) return P .. 'events:' .. key end
local function fetched_of(key) return P .. 'fetched:' .. key end
local function calls_of(key) return P .. 'calls:' .. key end
local function lease_of(key) return P .. 'lease:' .. key end
local function payment_of(id) return P .. 'payment:' .. id end
local function ledger_of(key) return P .. 'ledger:' .. key end
local function attached_of(id) return P .. 'attached:' .. id end
local function question_of(shop, kind) return P .. 'question:' .. shop .. ':' .. kind end
local function answers_of(shop) return P .. 'answers:' .. shop end

local DUE, ATTENTION, ORDERS, META = P .. 'due', P .. 'attention', P .. 'orders', P .. 'meta'
local WAITING, WORKERS = P .. 'waiting', P .. 'workers'
local OPEN, IGNORED, EVENTS = P .. 'open', P .. 'ignored', P .. 'event_index'

local function find_of(term) return P .. 'find:' .. term end
local function shop_of(name) return P .. 'shop:' .. name end
local function stats_of(hour) return P .. 'stats:' .. string.format('%.0f', hour) end

-- The finished orders that lists are made of; the done ones are all others.
local FILES = {attention = ATTENTION, open = OPEN, ignored = IGNORED}
local function unfile(key)
  for _, list in pairs(FILES) do redis.call('ZREM', list, key) end
end
local function file(key, state, now)
  unfile(key)
  if FILES[state] then redis.call('ZADD', FILES[state], now, key) end
end

-- The order's events are kept until it is finished again.
local function persist(key)
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    redis.call('PERSIST', P .. 'event:' .. id)
  end
  redis.call('PERSIST', fetched_of(key))
end

-- What happens, for those who watch it happen; only the last ten thousand or so.
local function tell(key, what, text)
  redis.call('XADD', P .. 'feed', 'MAXLEN', '~', 10000, '*', 'order', key, 'what', what, 'text', text)
end

-- Counters by the hour (since 1970), kept for 8 days.
local function count(now, field, by)
  local hour = stats_of(math.floor(now / 3600000))
  if redis.call('HINCRBY', hour, field, by) == by then redis.call('PEXPIRE', hour, 691200000) end
end

-- The wake-up: an arq job that a worker finds at its next poll. Everything under arq:* may be lost; the sweep
-- notifies again, under a new id: the id of a killed worker's job stays blocked for arq's own time. The score
-- lies ten minutes back so that a worker whose clock is late sees it too, and is never 0, which arq would
-- never start. ahead: ms; arq answers this wake-up before those that were rung without, for as long.
local function notify(key, now, ahead)
  local id = 's:' .. key .. ':' .. string.format('%.0f', now)
  local job = cjson.encode({f = 'sync_order', a = {key}, et = now})
  redis.call('SET', 'arq:job:' .. id, '{"t":null,"k":{},' .. string.sub(job, 2), 'PX', 600000)
  redis.call('ZADD', 'arq:queue', now - 600000 - (ahead or 0), id)
end

-- A clock was set back by -by ms: what is due then is due as soon as it was. Wake-ups may be lost, and are rung again.
local function set_back(by)
  local due = redis.call('ZRANGE', DUE, 0, -1, 'WITHSCORES')
  for i = 1, #due, 2 do redis.call('ZADD', DUE, due[i + 1] + by, due[i]) end
  redis.call('DEL', 'arq:queue')
end

local function trust_from(now, witnessed)
  redis.call('HSET', META, 'floor', now, 'floor_witnessed', witnessed)
end

-- Time that somebody has seen pass, ms. The sweep of every worker looks each second; what passes between two looks
-- beyond BEAT is a step of the clock, or nobody was there: neither makes an attempt older, which may still be under
-- way. A ledger that was just born may have been born under a wrong clock: it begins anew with each step.
local BEAT, YOUNG = 5000, 3600000
local function witnessed_ms(now)
  local last = redis.call('HMGET', META, 'seen', 'witnessed', 'floor')
  local passed = now - (tonumber(last[1]) or now)
  local witnessed = (tonumber(last[2]) or 1) + math.min(math.max(passed, 0), BEAT)
  redis.call('HSET', META, 'seen', now, 'witnessed', witnessed)
  if passed < -BEAT then set_back(passed) end
  if math.abs(passed) > 3 * BEAT and witnessed < YOUNG and last[3] then trust_from(now, witnessed) end
  return witnessed
end

-- The ledger's trusted_since: attempts made before it may have been forgotten. It is born with the ledger, and moves
-- when a Redis that may have lost its tail was restarted or put in place of another. durable: '1' when writes
-- are flushed before they are acknowledged (a script cannot see that itself).
local function trusted_since_ms(durable, now)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '?'
  local known = redis.call('HGET', META, 'run')
  if known == run then return tonumber(redis.call('HGET', META, 'floor')) end
  local kept = durable == '1' and string.find(redis.call('INFO', 'persistence'), 'aof_enabled:1', 1, true)
    and string.find(redis.call('INFO', 'replication'), 'master_replid2:0+%s')
  redis.call('HSET', META, 'run', run)
  if not known then redis.call('HSET', META, 'born', now) end
  if not known or not kept then trust_from(now, witnessed_ms(now)) end
  return tonumber(redis.call('HGET', META, 'floor'))
end

-- What was found out about a shop at this trusted_since: 'clean' when Facturation.pro held nothing of ours, so that
-- nothing can have been forgotten; 'known' when it did; nil when nobody asked yet.
local function verdict_on(scope, trusted_since)
  return string.match(redis.call('HGET', META, 'verdict:' .. scope) or '', string.format('^%.0f (%%a+)', trusted_since))
end

-- Documents that an order's own facts do not name are remembered with it.
local function remember_with(key, document)
  local known = redis.call('HGET', order_of(key), 'further') or ''
  if not string.find('\n' .. known, '\n' .. document .. '\n', 1, true) then
    redis.call('HSET', order_of(key), 'further', known .. document .. '\n')
  end
end

-- When the bridge first heard from a shop; nil before that. Versions up to 0.1 did not note it: of a shop that such a
-- one heard, the oldest order or event that is still known tells, once.
local function first_heard_ms(name)
  local noted = redis.call('HMGET', shop_of(name), 'first_event', 'last_event')
  local first = tonumber(noted[1] or noted[2])
  if noted[1] or not first then return first end
  for _, key in ipairs(redis.call('ZRANGE', ORDERS, 0, -1)) do
    local order = redis.call('HMGET', order_of(key), 'shop', 'created')
    if order[1] == name then first = math.min(first, tonumber(order[2]) or first) end
  end
  local events = redis.call('ZRANGE', EVENTS, 0, -1, 'WITHSCORES')
  for i = 1, #events, 2 do
    if string.sub(events[i], 1, #name + 1) == name .. ':' then
      first = math.min(first, tonumber(events[i + 1]))
      break
    end
  end
  redis.call('HSET', shop_of(name), 'first_event', first)
  return first
end

-- The order with its events, for one who holds its lease.
local function view_of(key)
  local order = redis.call('HMGET', order_of(key),
    'version', 'attempts', 'failing_since', 'created', 'lane', 'credit', 'set_aside', 'reason', 'further', 'taken_in', 'shop', 'number',
    'placed', 'documents')
  local events = {}
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    local e = redis.call('HMGET', P .. 'event:' .. id, 'topic', 'at', 'headers', 'body')
    if e[4] then events[#events + 1] = {string.match(id, ':(.*)'), e[1], e[2], e[3], e[4]} end
  end
  local fetched = redis.call('HGETALL', fetched_of(key))
  for i = 1, #fetched, 2 do
    events[#events + 1] = {fetched[i], 'answer', order[4], '{}', fetched[i + 1]}
  end
  local rounding = redis.call('HGET', META, 'rounding') or ''
  local begun = redis.call('HGET', ledger_of(key), 'state')
  local ours = (order[10] or begun == 'intent' or begun == 'done') and '1' or ''
  local said = {order[5] or '', order[6] or '', order[7] or '', order[8] or '', order[9] or '', ours,
    order[12] or '', order[13] or '', order[14] or ''}
  local heard = first_heard_ms(order[11] or '') or 0
  return {tonumber(order[1]) or 0, tonumber(order[2]) or 0, tonumber(order[3]) or 0, heard, rounding, events, said}
end
