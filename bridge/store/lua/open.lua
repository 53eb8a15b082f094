-- open: the ledger's birth and floor. ARGV: durable
return floor_ms(ARGV[1], now_ms())
