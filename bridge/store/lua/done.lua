-- done: the document exists. A fact, whoever holds the lease. ARGV: record, document key...
for i = 2, #ARGV do
  redis.call('HSET', ledger_of(ARGV[i]), 'state', 'done', 'at', now_ms(), 'record', ARGV[1])
  redis.call('HDEL', ledger_of(ARGV[i]), 'attempt', 'owner', 'witnessed')
end
return 1
