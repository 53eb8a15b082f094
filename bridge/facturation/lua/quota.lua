-- Facturation.pro's quota, shared by all workers. The clock is Redis' own; times are in milliseconds.
--
-- KEYS  1 log     zset: one member per request of the last five minutes, scored by its time
--       2 day     hash: minute -> requests in it; "total" of them all; "first" minute still counted
--       3 learnt  hash: per window, what the API's headers said: limit, foreign (uses that are not ours)
--       4 pause   string: until when nobody may send (Retry-After)
--       5 health  hash: counters and times for people
-- ARGV  1 command, 2 limit of five minutes, 3 limit of a day, then the command's own.

local FIVE, DAY, MINUTE = 300000, 86400000, 60000
local LIMIT_LASTS = 3600000   -- a lowered limit that nobody repeats heals by itself
local FOREIGN_LASTS = 60000   -- so does a foreign use: after that, one request asks again
local FOREIGN_SHARE = 0.5     -- however strange a header, it cannot take more than half from us
local IN_FLIGHT = 5000        -- a request may reach the API this long after its permit
local KEPT = FIVE + 40000     -- the log, long enough to judge the slowest answer (30 s) by its permit's time

local log, day, learnt, pause, health = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local configured = { five = tonumber(ARGV[2]), day = tonumber(ARGV[3]) }
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local minute = math.floor(now / MINUTE)

local LONGEST_PAUSE = 3600000

-- One clock was set back: what it noted since is of now, or nobody would send until it is there again.
local function of_now()
  for _, request in ipairs(redis.call('ZRANGEBYSCORE', log, '(' .. string.format('%.0f', now + IN_FLIGHT), '+inf')) do
    redis.call('ZADD', log, now, request)
  end
  if (tonumber(redis.call('HGET', day, 'first') or 0)) > minute then
    local total = redis.call('HGET', day, 'total') or 0
    local serial = redis.call('HGET', day, 'serial') or 0
    redis.call('DEL', day)
    redis.call('HSET', day, 'total', total, 'serial', serial, 'first', minute, minute, total)
  end
end

local function paused()
  local left = tonumber(redis.call('GET', pause) or 0) - now
  return left <= LONGEST_PAUSE and math.max(left, 0) or 0
end

local function text(number) return string.format('%.0f', number) end

local function learnt_value(name, lasts)
  local pair = redis.call('HMGET', learnt, name, name .. '_at')
  if pair[1] and math.abs(now - tonumber(pair[2])) < lasts then return tonumber(pair[1]) end
  return nil
end

local function remember(name, value)
  redis.call('HSET', learnt, name, text(value), name .. '_at', text(now))
  redis.call('PEXPIRE', learnt, LIMIT_LASTS)
end

local function limit_of(window)
  return math.min(configured[window], learnt_value(window .. '_limit', LIMIT_LASTS) or configured[window])
end

local function foreign_of(window)
  return learnt_value(window .. '_foreign', FOREIGN_LASTS) or 0
end

local function sent_since(time)
  return redis.call('ZCOUNT', log, '(' .. text(time), '+inf')
end

-- Requests of the last day, to the minute, never too few.
local function sent_today()
  local total = tonumber(redis.call('HGET', day, 'total') or 0)
  local first = tonumber(redis.call('HGET', day, 'first') or minute)
  local oldest = minute - DAY / MINUTE
  if first < oldest - DAY / MINUTE then
    redis.call('DEL', day)
    return 0, minute
  end
  while first < oldest do
    local gone = tonumber(redis.call('HGET', day, text(first)) or 0)
    if gone > 0 then
      redis.call('HDEL', day, text(first))
      total = redis.call('HINCRBY', day, 'total', -gone)
    end
    first = first + 1
  end
  return total, first
end

-- Milliseconds until `share` of a window has room for one more; 0: now.
local function wait_for_five(share)
  local allowed = math.max(1, math.floor(limit_of('five') * share))
  local excess = sent_since(now - FIVE) + foreign_of('five') + 1 - allowed
  if excess <= 0 then return 0 end
  local blocking = redis.call('ZRANGEBYSCORE', log, '(' .. text(now - FIVE), '+inf',
    'WITHSCORES', 'LIMIT', excess - 1, 1)
  if not blocking[2] then return FOREIGN_LASTS end   -- all of ours gone would not do: others fill the window
  return math.max(1, tonumber(blocking[2]) + FIVE - now)
end

local function wait_for_day(share, sent, first)
  local allowed = math.max(1, math.floor(limit_of('day') * share))
  local excess = sent + foreign_of('day') + 1 - allowed
  if excess <= 0 then return 0 end
  for at = first, minute do
    excess = excess - tonumber(redis.call('HGET', day, text(at)) or 0)
    if excess <= 0 then return (at + 1) * MINUTE + DAY - now end
  end
  return FOREIGN_LASTS
end

local function left()
  local sent = sent_today()
  return {
    five = math.max(0, limit_of('five') - sent_since(now - FIVE) - foreign_of('five')),
    day = math.max(0, limit_of('day') - sent - foreign_of('day')),
  }
end

local commands = {}

-- ARGV 4: share of each window for this lane; 5: longest wait the caller accepts. -> {wait, permit's time}
function commands.take()
  local share, patience = tonumber(ARGV[4]), tonumber(ARGV[5])
  of_now()
  local sent, first = sent_today()
  local wait = math.max(paused(), wait_for_five(share), wait_for_day(share, sent, first))
  if wait > 0 then
    if wait > patience then redis.call('HINCRBY', health, 'refused', 1) end
    return { wait, 0 }
  end
  local serial = redis.call('HINCRBY', day, 'serial', 1)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', text(now - KEPT))
  redis.call('ZADD', log, text(now), text(serial))
  redis.call('PEXPIRE', log, KEPT)
  redis.call('HINCRBY', day, text(minute), 1)
  redis.call('HINCRBY', day, 'total', 1)
  redis.call('HSET', day, 'first', text(first))
  redis.call('PEXPIRE', day, DAY + 2 * MINUTE)
  return { 0, now }
end

-- ARGV 4: the permit's time; 5, 6: the API's X-RateLimit-Limit and -Remaining. Which window the headers mean
-- is not documented: a limit up to our five-minute one means that, one near our daily one means the day.
-- What the API counts beyond all we may have sent is somebody else's use of the same key.
function commands.learn()
  local permit, said, remaining = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  local window, ours
  if said < 1 then return end
  if said <= configured.five then
    window, ours = 'five', sent_since(permit - FIVE - IN_FLIGHT)
  elseif said >= configured.day / 2 then
    window, ours = 'day', (sent_today())
  else
    return
  end
  local real = math.min(said, configured[window])
  if real < configured[window] or learnt_value(window .. '_limit', LIMIT_LASTS) then
    remember(window .. '_limit', real)
  end
  local foreign = math.min(math.max(0, said - remaining - ours), math.floor(real * FOREIGN_SHARE))
  if foreign > 0 or foreign_of(window) > 0 then remember(window .. '_foreign', foreign) end
end

-- ARGV 4: milliseconds. The longest pause asked for holds.
function commands.pause()
  local till = now + math.max(math.min(tonumber(ARGV[4]), LONGEST_PAUSE), paused())
  redis.call('SET', pause, text(till), 'PX', text(till - now))
  redis.call('HINCRBY', health, 'throttled', 1)
end

function commands.note_success()
  redis.call('HSET', health, 'last_success', text(now))
end

-- ARGV 4: the kind (throttled, refused, unreachable), 5: the reason, as JSON.
function commands.note_failure()
  redis.call('HSET', health, 'last_failure', text(now), 'last_failure_kind', ARGV[4],
    'last_failure_reason', ARGV[5])
end

function commands.state()
  local room, at = left(), {}
  local flat = redis.call('HGETALL', health)
  for i = 1, #flat, 2 do at[flat[i]] = flat[i + 1] end
  return cjson.encode({
    limit_five = limit_of('five'), limit_day = limit_of('day'),
    left_five = room.five, left_day = room.day,
    foreign_five = foreign_of('five'), foreign_day = foreign_of('day'),
    paused_until = paused() > 0 and text(now + paused()) or nil,
    refused = tonumber(at.refused or 0), throttled = tonumber(at.throttled or 0),
    last_success = at.last_success, last_failure = at.last_failure,
    last_failure_kind = at.last_failure_kind, last_failure_reason = at.last_failure_reason,
  })
end

return commands[ARGV[1]]()
