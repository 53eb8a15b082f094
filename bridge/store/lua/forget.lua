-- forget: this customer was found deleted. Its entries become an attempt of now, so that whoever buys is looked up, and
-- created only once nothing that a rival may have begun can still appear. An entry that says another id is newer, and
-- stays. ARGV: id, attempt, document key...
local dead, now = tonumber(ARGV[1]), now_ms()
local witnessed = witnessed_ms(now)
for i = 3, #ARGV do
  local ledger = ledger_of(ARGV[i])
  local entry = redis.call('HMGET', ledger, 'state', 'record')
  if entry[1] == 'done' and cjson.decode(entry[2]).id == dead then
    redis.call('HSET', ledger, 'state', 'intent', 'at', now, 'witnessed', witnessed, 'attempt', ARGV[2],
      'owner', '')
    redis.call('HDEL', ledger, 'record')
  end
end
return 1
