-- Signs of life. The counters of `count` live for days; here the finished hours are kept for weeks.
-- ARGV: longest wait for a shop's word ms, shop...
-- → {the due order that waits longest: key, since, reason; or nothing}, then for each shop {last event,
--   wrong signatures since, the first of them, {hour, events...}}
local now, patience = now_ms(), tonumber(ARGV[1])
local hour, answer = math.floor(now / 3600000), {{}}

-- An order that waits for its shop's next word is asked again only after `patience`.
for _, key in ipairs(redis.call('ZRANGE', WAITING, 0, 499)) do
  local order = redis.call('HMGET', order_of(key), 'since', 'next', 'reason', 'state')
  local wait = order[4] and (tonumber(order[2]) or 0) - (tonumber(order[1]) or 0) or 0
  if wait < patience then
    answer[1] = {key, redis.call('ZSCORE', WAITING, key), order[3] or ''}
    break
  end
end

for i = 2, #ARGV do
  local shop, rhythm = ARGV[i], P .. 'rhythm:' .. ARGV[i]
  local life = redis.call('HMGET', P .. 'shop:' .. shop, 'last_event', 'bad_signatures', 'refused_since', 'refused_at')
  local newest = math.floor((tonumber(life[1]) or 0) / 3600000)
  local upto = math.max(tonumber(redis.call('HGET', rhythm, 'upto')) or 0, hour - 192)
  if upto < hour - 1 then
    for at = upto + 1, hour - 1 do
      local seen = redis.call('HGET', stats_of(at), 'events:' .. shop)
      if seen then redis.call('HSET', rhythm, string.format('%.0f', at), seen) end
    end
    redis.call('HSET', rhythm, 'upto', hour - 1)
    -- Six weeks before the last event, so that a long silence does not wear its own reason away.
    for _, at in ipairs(redis.call('HKEYS', rhythm)) do
      if (tonumber(at) or newest) < newest - 1008 then redis.call('HDEL', rhythm, at) end
    end
  end
  -- A good event that came after them made the wrong ones void.
  local void = (tonumber(life[1]) or 0) > (tonumber(life[4]) or 0)
  answer[i] = {
    tonumber(life[1]) or 0, not void and tonumber(life[2]) or 0, not void and tonumber(life[3]) or 0,
    redis.call('HGETALL', rhythm),
  }
end
return answer
