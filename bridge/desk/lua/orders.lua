-- orders: one page of a list, newest first.
-- ARGV: list (orders|attention|waiting|open|ignored), score and key that the last page ended with ('+inf', ''),
--       state or '', shop or '', how many, how many to look at, lowest score
-- → {score, key} to go on from or {}, row...
local list, from, last, state, shop = P .. ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, look = tonumber(ARGV[6]), tonumber(ARGV[7])
-- Where the last one has moved since, its neighbours of the same millisecond come twice rather than not at all.
local passed = last == '' or redis.call('ZSCORE', list, last) ~= from
local rows, offset, ended = {{}}, 0, {}
while true do
  local batch = redis.call('ZREVRANGEBYSCORE', list, from, ARGV[8], 'WITHSCORES', 'LIMIT', offset, 200)
  if #batch == 0 then return rows end
  for i = 1, #batch, 2 do
    local key, score = batch[i], batch[i + 1]
    offset = offset + 1
    if passed then
      local is = redis.call('HMGET', order_of(key), 'state', 'shop')
      if (state == '' or (is[1] or 'in_hand') == state) and (shop == '' or is[2] == shop) then
        if #rows > limit then
          rows[1] = ended
          return rows
        end
        rows[#rows + 1] = row_of(key)
      end
      ended = {score, key}
      if offset >= look then
        rows[1] = ended
        return rows
      end
    else
      passed = key == last
    end
  end
end
