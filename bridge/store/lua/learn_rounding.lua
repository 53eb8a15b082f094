-- learn_rounding: what a document's total taught. ARGV: as it was known, as it is known now, contradiction or ''
-- → as it is known now, which somebody else may have said
local known = redis.call('HGET', META, 'rounding') or ''
if known ~= ARGV[1] then return known end
redis.call('HSET', META, 'rounding', ARGV[2])
if ARGV[3] ~= '' then
  redis.call('HSET', META, 'contradiction', ARGV[3], 'contradicted', now_ms())
  redis.call('HDEL', META, 'calibrate_after')
end
return ARGV[2]
