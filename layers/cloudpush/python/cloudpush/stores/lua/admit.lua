-- Store a connection as pending, and apply the policy by generation.
--
--   KEYS     see prelude.lua
--   ARGV[1]  the connection, JSON
--   ARGV[2]  "single" or "multi"
--   ARGV[3]  now, ms
--   ARGV[4]  how many connections a client may hold under "multi"
--   ARGV[5]  when the tombstones of replaced connections lapse, ms
--   returns {verdict, connection JSON...}: "admitted" with those it replaced, "forgotten",
--   "superseded" or "too_many"

local new = cjson.decode(ARGV[1])
local now_ms = tonumber(ARGV[3])

-- Lua's own comparison of strings follows the server's locale; generations follow the bytes.
local function is_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

local function is_older(a, b)
  if a.connected_at_ms ~= b.connected_at_ms then
    return a.connected_at_ms < b.connected_at_ms
  end
  return is_before(a.connection_id, b.connection_id)
end

local function verdict_with(rows)
  local answer = {'admitted'}
  for _, row in ipairs(rows) do
    answer[#answer + 1] = cjson.encode(row)
  end
  return answer
end

if is_forgotten(new.connection_id, now_ms) then
  return {'forgotten'}
end
local known = live_row(new.connection_id, now_ms)
if known then
  return verdict_with(known.replaced or {})
end

local others, expired = {}, {}
for _, text in ipairs(redis.call('HVALS', client)) do
  local row = cjson.decode(text)
  row.replaced = nil
  local into = row.expires_at_ms > now_ms and others or expired
  into[#into + 1] = row
end

local replaced = {}
if ARGV[2] == 'single' then
  for _, other in ipairs(others) do
    if is_older(new, other) then
      return {'superseded'}
    end
  end
  replaced = others
elseif #others >= tonumber(ARGV[4]) then
  return {'too_many'}
end

-- Nothing was written up to here, and nothing can fail from here on.
for _, row in ipairs(expired) do
  drop(row.connection_id, row.client_id)
end
for _, row in ipairs(replaced) do
  drop(row.connection_id, row.client_id)
  bury(row.connection_id, now_ms, ARGV[5])
end
local text = ARGV[1]
local last_ms = new.expires_at_ms
if #replaced > 0 then
  new.replaced = replaced -- cjson has no empty list: left out where there is none
  text = cjson.encode(new)
else
  for _, other in ipairs(others) do
    last_ms = math.max(last_ms, other.expires_at_ms)
  end
end
redis.call('HSET', client, new.connection_id, text)
redis.call('PEXPIREAT', client, string.format('%.0f', last_ms))
-- What expired unnoticed leaves the shard here, so that it never outgrows its connections.
redis.call('ZREMRANGEBYSCORE', shard, '-inf', ARGV[3])
redis.call('ZADD', shard, new.expires_at_ms, new.connection_id .. ' ' .. new.client_id)
expire_with_last(shard)
return verdict_with(replaced)
