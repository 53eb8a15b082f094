-- keep_archived: replaces the list of archived customers. ARGV: how long ms, then buyer_lock, id...
redis.call('DEL', P .. 'archived')
redis.call('HSET', P .. 'archived', 'made', now_ms())
for i = 2, #ARGV, 2 do redis.call('HSET', P .. 'archived', ARGV[i], ARGV[i + 1]) end
return redis.call('PEXPIRE', P .. 'archived', ARGV[1])
