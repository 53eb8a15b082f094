-- resume: a person wants the order gone over again: retry, replay, accept, issue a credit note. Done once: an
-- order that is in hand already is left alone, unless there is something to change.
-- ARGV: order key, who, what, reason, '1' for the backfill lane, delay ms (backfill), rehint ms,
--       field of the order to set or '', its value, then (ledger key, record as it was, record as it becomes)...
-- → 'done' | 'already' | 'unknown' | 'expired' | 'changed' (a ledger record is not as it was)
local key, backfill = ARGV[1], ARGV[5] == '1'
local order = order_of(key)
if redis.call('EXISTS', order) == 0 then return 'unknown' end
if not has_events(key) then return 'expired' end
local now = now_ms()
local due = tonumber(redis.call('ZSCORE', DUE, key))
-- Further ahead than a worker needs, it sleeps: a clock was set back, whatever the state says.
local in_hand = not redis.call('HGET', order, 'state') and due and due <= now + 60000
local same = ARGV[8] == '' or redis.call('HGET', order, ARGV[8]) == ARGV[9]
if in_hand and same and #ARGV < 10 then return 'already' end
for i = 10, #ARGV, 3 do
  local entry = redis.call('HMGET', ledger_of(ARGV[i]), 'state', 'record')
  if entry[1] ~= 'done' or entry[2] ~= ARGV[i + 1] then return 'changed' end
end
for i = 10, #ARGV, 3 do redis.call('HSET', ledger_of(ARGV[i]), 'record', ARGV[i + 2]) end
wake(key, now, tonumber(ARGV[7]), backfill and tonumber(ARGV[6]) or nil)
if ARGV[8] ~= '' then redis.call('HSET', order, ARGV[8], ARGV[9]) end
if backfill then redis.call('HSET', order, 'lane', 'backfill') end
note_action(key, now, ARGV[3], ARGV[2], ARGV[4])
return 'done'
