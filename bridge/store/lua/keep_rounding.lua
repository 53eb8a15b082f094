-- keep_rounding: by which rule Facturation.pro rounds. ARGV: rule
return redis.call('HSET', META, 'rounding', ARGV[1])
