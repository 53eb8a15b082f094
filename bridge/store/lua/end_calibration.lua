-- end_calibration: ARGV: token, rule, or '?' when none fits, or '' when nothing was found out; ms until it is tried again;
-- '1' when nothing was left in Facturation.pro
if redis.call('GET', P .. 'calibration') == ARGV[1] then redis.call('DEL', P .. 'calibration') end
if ARGV[4] == '1' and redis.call('HGET', META, 'calibrating') == ARGV[1] then redis.call('HDEL', META, 'calibrating') end
if ARGV[2] == '' or ARGV[2] == '?' then
  redis.call('HSET', META, 'calibrate_after', now_ms() + ARGV[3])
  if ARGV[2] == '?' then redis.call('HSETNX', META, 'unexplained', now_ms()) end
else
  redis.call('HSET', META, 'rounding', ARGV[2])
  redis.call('HDEL', META, 'calibrate_after', 'unexplained')
end
return 1
