-- Forget one connection, if it was last seen before a time.
--
--   KEYS     see prelude.lua
--   ARGV[1]  connection id
--   ARGV[2]  client id
--   ARGV[3]  now, ms
--   ARGV[4]  when the tombstone lapses, ms
--   ARGV[5]  the time, ms
--   returns 1 if it was forgotten by this call, else 0

local now_ms = tonumber(ARGV[3])
local row = live_row(ARGV[1], now_ms)
if not row or row.last_seen_ms >= tonumber(ARGV[5]) then
  return 0
end
drop(ARGV[1], ARGV[2])
bury(ARGV[1], now_ms, ARGV[4])
return 1
