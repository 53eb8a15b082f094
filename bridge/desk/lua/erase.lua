-- erase: what is known of the buyer of a finished order goes; that the order was done, and its documents, stay.
-- ARGV: order key, who, ledger key to forget...
-- → 'done', how many payloads | 'unknown' | 'unfinished', state
local key = ARGV[1]
local order = order_of(key)
if redis.call('EXISTS', order) == 0 then return {'unknown', ''} end
local state = redis.call('HGET', order, 'state') or 'in_hand'
if state ~= 'done' and state ~= 'ignored' and state ~= 'open' then return {'unfinished', state} end
local gone = 0
for _, id in ipairs(redis.call('LRANGE', events_of(key), 0, -1)) do gone = gone + blank(id) end
gone = gone + redis.call('HLEN', fetched_of(key))
redis.call('DEL', fetched_of(key))
local terms = redis.call('HGET', order, 'find') or ''
for term in string.gmatch(terms, '%S+') do redis.call('SREM', find_of(term), key) end
redis.call('HDEL', order, 'find')
for i = 3, #ARGV do
  if redis.call('HGET', ledger_of(ARGV[i]), 'state') == 'done' then redis.call('DEL', ledger_of(ARGV[i])) end
end
if gone > 0 or terms ~= '' then note_action(key, now_ms(), 'erase', ARGV[2], '') end
return {'done', gone}
