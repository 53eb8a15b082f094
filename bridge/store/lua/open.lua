-- open: the ledger's birth and trusted_since. ARGV: durable
return trusted_since_ms(ARGV[1], now_ms())
