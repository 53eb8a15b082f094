-- clear: this attempt is proven not to have happened. ARGV: document key, attempt
local ledger = ledger_of(ARGV[1])
local entry = redis.call('HMGET', ledger, 'state', 'attempt')
if entry[1] == 'intent' and entry[2] == ARGV[2] then redis.call('HSET', ledger, 'state', 'clear') end
return 1
