-- attach: a person counts a document that exists among those of an order, under a key that nobody has begun.
-- ARGV: order key, document key, the document's id, record
-- → {'done'} | {'unknown'} | {'busy'} (a worker is at the order) | {'begun'} | {'attached', to which order}
local key, document = ARGV[1], ARGV[2]
if redis.call('EXISTS', order_of(key)) == 0 then return {'unknown'} end
local home = redis.call('GET', attached_of(ARGV[3]))
if home then return {'attached', string.match(home, '[^\n]+')} end
if redis.call('EXISTS', lease_of(key)) == 1 then return {'busy'} end
local state = redis.call('HGET', ledger_of(document), 'state')
if state == 'intent' or state == 'done' then return {'begun'} end
redis.call('SET', attached_of(ARGV[3]), key .. '\n' .. document)
redis.call('HSET', ledger_of(document), 'state', 'done', 'at', now_ms(), 'record', ARGV[4])
redis.call('HDEL', ledger_of(document), 'attempt', 'owner')
if document ~= key then remember_with(key, document) end
return {'done'}
