-- What is to be said now, for whoever asks first; it comes back when nobody reports on it.
-- ARGV: comes back after ms → {id, times tried, raised or resolved at, since, JSON}...
local ERRANDS, now, mine = P .. 'alerts:errands', now_ms(), {}
local all = redis.call('HGETALL', ERRANDS)
for i = 1, #all, 2 do
  local due, tried, at, since, said = string.match(all[i + 1], '^(%S+) (%S+) (%S+) (%S+) (.*)$')
  if tonumber(due) <= now then
    due = string.format('%.0f', now + tonumber(ARGV[1]))
    redis.call('HSET', ERRANDS, all[i], table.concat({due, tried, at, since, said}, ' '))
    mine[#mine + 1] = {all[i], tonumber(tried), at, since, said}
  end
end
return mine
