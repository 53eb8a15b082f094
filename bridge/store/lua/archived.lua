-- archived: the archived customer of this fence, '0' for none, nothing when the list is too old. ARGV: fence
if redis.call('EXISTS', P .. 'archived') == 0 then return false end
return redis.call('HGET', P .. 'archived', ARGV[1]) or '0'
