-- sweep: notify again for what is due, clear wake-ups nobody answers (arq's orphans hide the rest of its queue), and
-- say that this worker lives. ARGV: how many at most, rehint ms, worker's name
local now, limit, rehint = now_ms(), tonumber(ARGV[1]), tonumber(ARGV[2])
witnessed_ms(now)
redis.call('ZADD', WORKERS, now, ARGV[3])
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now - 60000)
redis.call('ZREMRANGEBYSCORE', 'arq:queue', '-inf', now - 600000 - 60000)
local room = limit - redis.call('ZCARD', 'arq:queue')
if room <= 0 then return 0 end
local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, room)
for _, key in ipairs(due) do
  redis.call('ZADD', DUE, now + rehint, key)
  notify(key, now)
end
return #due
