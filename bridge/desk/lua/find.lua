-- find: orders by what people know of them. ARGV: order key, term... → row...
local seen, rows = {}, {}
local function add(key)
  if not seen[key] and redis.call('EXISTS', order_of(key)) == 1 and #rows < 500 then
    seen[key] = true
    rows[#rows + 1] = row_of(key)
  end
end
add(ARGV[1])
for i = 2, #ARGV do
  for _, key in ipairs(redis.call('SMEMBERS', find_of(ARGV[i]))) do add(key) end
end
return rows
