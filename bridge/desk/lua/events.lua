-- events: one page of all events, newest first; the index holds the last 50,000.
-- ARGV: score and id that the last page ended with ('+inf', ''), shop or '', topic or '', how many, how many to
--       look at
-- → {score, id} to go on from or {}, event row...
local from, last, shop, topic = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local limit, look = tonumber(ARGV[5]), tonumber(ARGV[6])
local passed = last == '' or not redis.call('ZSCORE', EVENTS, last)
local rows, offset, ended = {{}}, 0, {}
while true do
  local batch = redis.call('ZREVRANGEBYSCORE', EVENTS, from, '-inf', 'WITHSCORES', 'LIMIT', offset, 200)
  if #batch == 0 then return rows end
  for i = 1, #batch, 2 do
    local id = batch[i]
    offset = offset + 1
    if not passed then
      passed = id == last
    elseif shop == '' or string.sub(id, 1, #shop + 1) == shop .. ':' then
      if topic == '' or redis.call('HGET', P .. 'event:' .. id, 'topic') == topic then
        if #rows > limit then
          rows[1] = ended
          return rows
        end
        rows[#rows + 1] = event_row_of(id)
      end
    end
    ended = {batch[i + 1], id}
    if offset >= look then
      rows[1] = ended
      return rows
    end
  end
end
