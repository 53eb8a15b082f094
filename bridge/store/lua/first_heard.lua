-- first_heard: when the bridge first heard from a shop. ARGV: shop → ms, 0 before that
return first_heard_ms(ARGV[1]) or 0
