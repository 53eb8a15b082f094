-- Orders that ask for a person, longest first. ARGV: offset, how many
-- → {key, since, created, reason, total or '', currency or ''}...
local answer = {}
local page = redis.call('ZRANGE', ATTENTION, ARGV[1], ARGV[1] + ARGV[2] - 1, 'WITHSCORES')
for i = 1, #page, 2 do
  local order = redis.call('HMGET', order_of(page[i]), 'created', 'reason', 'total', 'currency')
  answer[#answer + 1] = {page[i], page[i + 1], order[1] or page[i + 1], order[2] or '', order[3] or '', order[4] or ''}
end
return answer
