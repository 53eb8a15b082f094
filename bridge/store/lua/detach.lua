-- detach: a document that a person attached to an order is not counted any more.
-- ARGV: order key, document key, the document's id → {'done'} | {'unknown'} | {'busy'} (a worker is at the order)
local key, document = ARGV[1], ARGV[2]
if redis.call('GET', attached_of(ARGV[3])) ~= key .. '\n' .. document then return {'unknown'} end
if redis.call('EXISTS', lease_of(key)) == 1 then return {'busy'} end
redis.call('DEL', attached_of(ARGV[3]), ledger_of(document))
local left = ''
for other in string.gmatch(redis.call('HGET', order_of(key), 'further') or '', '[^\n]+') do
  if other ~= document then left = left .. other .. '\n' end
end
redis.call('HSET', order_of(key), 'further', left)
return {'done'}
