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
local function question_of(shop, kind) return P .. 'question:' .. shop .. ':' .. kind end
local function answers_of(shop) return P .. 'answers:' .. shop end

local DUE, ATTENTION, ORDERS, META = P .. 'due', P .. 'attention', P .. 'orders', P .. 'meta'
local WAITING, WORKERS = P .. 'waiting', P .. 'workers'
local OPEN, IGNORED, EVENTS = P .. 'open', P .. 'ignored', P .. 'event_index'

local function find_of(term) return P .. 'find:' .. term end
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
  if not known or not kept then redis.call('HSET', META, 'floor', now) end
  return tonumber(redis.call('HGET', META, 'floor'))
end

-- What was found out about a shop at this trusted_since: 'clean' when Facturation.pro held nothing of ours, so that
-- nothing can have been forgotten; 'known' when it did; nil when nobody asked yet.
local function verdict_on(scope, trusted_since)
  return string.match(redis.call('HGET', META, 'verdict:' .. scope) or '', string.format('^%.0f (%%a+)', trusted_since))
end

-- The order with its events, for one who holds its lease.
local function view_of(key)
  local order = redis.call('HMGET', order_of(key),
    'version', 'attempts', 'failing_since', 'created', 'lane', 'credit', 'set_aside', 'reason', 'further')
  local events = {}
  for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do
    local e = redis.call('HMGET', P .. 'event:' .. id, 'topic', 'at', 'headers', 'body')
    if e[4] then events[#events + 1] = {string.match(id, ':(.*)'), e[1], e[2], e[3], e[4]} end
  end
  local fetched = redis.call('HGETALL', fetched_of(key))
  for i = 1, #fetched, 2 do
    events[#events + 1] = {fetched[i], 'fetched', order[4], '{}', fetched[i + 1]}
  end
  local rounding = redis.call('HGET', META, 'rounding') or ''
  local said = {order[5] or '', order[6] or '', order[7] or '', order[8] or '', order[9] or ''}
  return {tonumber(order[1]) or 0, tonumber(order[2]) or 0, tonumber(order[3]) or 0, rounding, events, said}
end
