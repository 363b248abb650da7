-- Record a sign of life: the connection is open and was last seen now.
--
--   KEYS     see prelude.lua
--   ARGV[1]  connection id
--   ARGV[2]  now, ms
--   returns 1, or 0 if it is unknown, forgotten or expired

local now_ms = tonumber(ARGV[2])
local row = live_row(ARGV[1], now_ms)
if not row then
  return 0
end
row.is_open = true
row.last_seen_ms = math.max(row.last_seen_ms, now_ms)
redis.call('HSET', client, ARGV[1], cjson.encode(row))
return 1
