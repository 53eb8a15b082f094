-- claim_next: the order of the next wake-up, for one who has a hand free; nothing when there is none. What arq has started,
-- and what is no wake-up of ours, is left to it; what killed workers had started hides nothing. The job itself lives a
-- little longer: arq may be about to start it, and finds nothing to do then.
local now, from = now_ms(), 0
repeat
  local ids = redis.call('ZRANGEBYSCORE', 'arq:queue', '-inf', now, 'LIMIT', from, 50)
  for _, id in ipairs(ids) do
    if string.sub(id, 1, 2) ~= 's:' or redis.call('EXISTS', 'arq:in-progress:' .. id) == 1 then
      from = from + 1
    else
      redis.call('ZREM', 'arq:queue', id)
      local job = redis.call('GET', 'arq:job:' .. id)
      if job then
        redis.call('PEXPIRE', 'arq:job:' .. id, 10000)
        return cjson.decode(job).a[1]
      end
    end
  end
until #ids == 0
return false
