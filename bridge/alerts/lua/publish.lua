-- What holds now in place of what held before. What is new, or was missing twice, is written
-- among the deliveries in the same breath: once, whoever judges.
-- ARGV: the judge's token, missing for so long ms, channels (a,b), then for each alert: key, token, since ms, JSON
-- → {{raised...}, {resolved...}} | nothing when another is the judge by now
local BOOK, ERRANDS = P .. 'alerts', P .. 'alerts:errands'
if redis.call('GET', P .. 'alerts:judge') ~= ARGV[1] then return false end
local now, missing = string.format('%.0f', now_ms()), tonumber(ARGV[2])
local raised, resolved, holds = {}, {}, {}

local function note(what, said) tell('', what, cjson.decode(said).text) end

local function send(token, what, since, said)
  for channel in string.gmatch(ARGV[3], '[^,]+') do
    redis.call('HSET', ERRANDS, token .. '_' .. what .. ':' .. channel,
      table.concat({now, 0, now, since, said}, ' '))
  end
end

for i = 4, #ARGV, 4 do
  local key, token, since, said = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  holds[key] = true
  local held = redis.call('HGET', BOOK, key)
  if held then
    token, since = string.match(held, '^(%S+) (%S+)')
  else
    raised[#raised + 1] = key
    send(token, 'raised', since, said)
    note('alert', said)
  end
  redis.call('HSET', BOOK, key, table.concat({token, since, 0, said}, ' '))
end

local book = redis.call('HGETALL', BOOK)
for i = 1, #book, 2 do
  local key = book[i]
  if not holds[key] then
    local token, since, gone, said = string.match(book[i + 1], '^(%S+) (%S+) (%S+) (.*)$')
    if gone == '0' then
      redis.call('HSET', BOOK, key, table.concat({token, since, now, said}, ' '))
    elseif tonumber(now) - tonumber(gone) >= missing then
      redis.call('HDEL', BOOK, key)
      resolved[#resolved + 1] = key
      send(token, 'resolved', since, said)
      note('alert_over', said)
    end
  end
end
return {raised, resolved}
