-- answer: a person accepts a question for all orders of the shop; the first answer stands. ARGV: shop, kind, who
local said = cjson.encode({who = ARGV[3], at = string.format('%.0f', now_ms())})
return redis.call('HSETNX', answers_of(ARGV[1]), ARGV[2], said)
