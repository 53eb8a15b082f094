-- ledger: what is known to exist. ARGV: document key... → record or false, in their order
local records = {}
for i, key in ipairs(ARGV) do
  local entry = redis.call('HMGET', ledger_of(key), 'state', 'record')
  records[i] = entry[1] == 'done' and entry[2]
end
return records
