-- Record that a post succeeded: the connection is open.
--
--   KEYS     see prelude.lua
--   ARGV[1]  connection id
--   ARGV[2]  now, ms
--   returns 1, or 0 if it is unknown, forgotten or expired

local row = live_row(ARGV[1], tonumber(ARGV[2]))
if not row then
  return 0
end
if not row.is_open then
  row.is_open = true
  redis.call('HSET', client, ARGV[1], cjson.encode(row))
end
return 1
