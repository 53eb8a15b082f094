-- vitals: what health and metrics look at. → now, waiting orders, since when the oldest, how many are overdue,
-- orders asking for attention, last beat of a worker, workers alive, ledger's birth, the shops for which
-- Facturation.pro held documents of ours before the ledger's trusted_since, how many orders are open, ignored, known,
-- and of the rounding: what is known of it, when and by which document a rule failed, since when none fits
local now = now_ms()
local known, meta = {}, redis.call('HGETALL', META)
for i = 1, #meta, 2 do
  local scope = string.match(meta[i], '^verdict:(.*)')
  if scope and string.find(meta[i + 1], ' known', 1, true) then known[#known + 1] = scope end
end
local function score(key, from, to)
  return tonumber(redis.call('ZRANGE', key, from, to, 'WITHSCORES')[2]) or 0
end
return {
  now, redis.call('ZCARD', WAITING), score(WAITING, 0, 0), redis.call('ZCOUNT', DUE, '-inf', now),
  redis.call('ZCARD', ATTENTION), score(WORKERS, -1, -1), redis.call('ZCOUNT', WORKERS, now - 15000, '+inf'),
  tonumber(redis.call('HGET', META, 'born')) or 0, known,
  redis.call('ZCARD', OPEN), redis.call('ZCARD', IGNORED), redis.call('ZCARD', ORDERS),
  {
    redis.call('HGET', META, 'rounding') or '', redis.call('HGET', META, 'contradicted') or 0,
    redis.call('HGET', META, 'contradiction') or '', redis.call('HGET', META, 'unexplained') or 0,
  },
}
