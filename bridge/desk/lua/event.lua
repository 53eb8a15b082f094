-- event: one event with its bytes. ARGV: event id → event row, headers, body; or false
local id = ARGV[1]
if redis.call('EXISTS', P .. 'event:' .. id) == 0 then return false end
local e = redis.call('HMGET', P .. 'event:' .. id, 'headers', 'body')
return {event_row_of(id), e[1], e[2]}
