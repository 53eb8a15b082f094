-- A delivery failed; it is tried again, or given up. ARGV: id, after ms, or '' to give up
local ERRANDS = P .. 'alerts:errands'
local held = redis.call('HGET', ERRANDS, ARGV[1])
if not held then return 0 end
if ARGV[2] == '' then return redis.call('HDEL', ERRANDS, ARGV[1]) end
local _, tried, rest = string.match(held, '^(%S+) (%S+) (.*)$')
local due = string.format('%.0f', now_ms() + tonumber(ARGV[2]))
return redis.call('HSET', ERRANDS, ARGV[1], table.concat({due, tried + 1, rest}, ' '))
