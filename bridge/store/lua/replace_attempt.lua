-- replace_attempt: a new, named attempt in place of one that is settled. ARGV: document key, order key, token, current
-- attempt, new attempt
local ledger = ledger_of(ARGV[1])
if redis.call('GET', lease_of(ARGV[2])) ~= ARGV[3] then return 0 end
local entry = redis.call('HMGET', ledger, 'state', 'attempt')
if entry[1] ~= 'intent' or entry[2] ~= ARGV[4] then return 0 end
local now = now_ms()
redis.call('HSET', ledger, 'at', now, 'witnessed', witnessed_ms(now), 'attempt', ARGV[5], 'owner', ARGV[2])
return 1
