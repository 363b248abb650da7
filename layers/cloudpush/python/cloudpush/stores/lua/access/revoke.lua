-- Revoke what a client was issued before a time, which never moves backwards.
--
--   KEYS[1]  string, the time, ms
--   ARGV[1]  the time, ms
--   ARGV[2]  when it may be dropped, ms
--   returns the time that holds now

local known = redis.call('GET', KEYS[1])
if known and tonumber(known) >= tonumber(ARGV[1]) then
  return known
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return ARGV[1]
