-- Drop one connection and leave a tombstone, also if it never was there.
--
--   KEYS     see prelude.lua
--   ARGV[1]  connection id
--   ARGV[2]  client id
--   ARGV[3]  now, ms
--   ARGV[4]  when the tombstone lapses, ms
--   returns 1 if a reader could have seen it, else 0

local now_ms = tonumber(ARGV[3])
if is_forgotten(ARGV[1], now_ms) then
  return 0
end
local was_there = live_row(ARGV[1], now_ms) and 1 or 0
drop(ARGV[1], ARGV[2])
bury(ARGV[1], now_ms, ARGV[4])
return was_there
