-- begin_calibration: leave to find out the firm's rule. ARGV: token, term ms, '1' when a person asks
-- → nothing, or {token of one that never ended or '', 1 when there is only to tidy up after it, contradiction or ''}
local rounding = redis.call('HGET', META, 'rounding') or ''
local left = redis.call('HGET', META, 'calibrating') or ''
local held = rounding ~= '' and string.sub(rounding, 1, 1) ~= '?'
local rests = held or now_ms() < (tonumber(redis.call('HGET', META, 'calibrate_after')) or 0)
if ARGV[3] == '1' then rests = false end
if rests and left == '' then return false end
if not redis.call('SET', P .. 'calibration', ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
redis.call('HSET', META, 'calibrating', ARGV[1])
return {left, rests and 1 or 0, redis.call('HGET', META, 'contradiction') or ''}
