-- answer: the order of the next bell, for one who has a hand free; nothing when there is none. What arq has started
-- is left to it. The job itself lives a little longer: arq may be about to start it, and finds nothing to do then.
local now = now_ms()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'arq:queue', '-inf', now, 'LIMIT', 0, 200)) do
  if redis.call('EXISTS', 'arq:in-progress:' .. id) == 0 then
    redis.call('ZREM', 'arq:queue', id)
    local job = redis.call('GET', 'arq:job:' .. id)
    if job then
      redis.call('PEXPIRE', 'arq:job:' .. id, 10000)
      return cjson.decode(job).a[1]
    end
  end
end
return false
