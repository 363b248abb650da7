-- Decide, once for all, whether a connection belongs to a client or was forgotten before it came:
-- the first writer wins. It comes before the scripts that work on the client, because only this
-- key can be found by the connection id alone.
--
--   KEYS[1]  string, the connection's pointer: "client:CLIENT_ID" or "gone:LAPSES_AT_MS"
--   ARGV[1]  the pointer to write if there is none, or only a lapsed tombstone
--   ARGV[2]  when it expires, ms
--   ARGV[3]  now, ms
--   returns the pointer that holds

local pointer = redis.call('GET', KEYS[1])
if pointer then
  local lapses_at_ms = string.match(pointer, '^gone:(%d+)$')
  if not lapses_at_ms or tonumber(lapses_at_ms) > tonumber(ARGV[3]) then
    return pointer
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return ARGV[1]
