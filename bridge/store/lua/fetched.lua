-- fetched: an answer of the platform's API, kept with its order. ARGV: order key, path, body
return redis.call('HSET', fetched_of(ARGV[1]), ARGV[2], ARGV[3])
