-- archived: the archived customer of this buyer_lock, '0' for none, nothing when the list is too old. ARGV: buyer_lock
if redis.call('EXISTS', P .. 'archived') == 0 then return false end
return redis.call('HGET', P .. 'archived', ARGV[1]) or '0'
