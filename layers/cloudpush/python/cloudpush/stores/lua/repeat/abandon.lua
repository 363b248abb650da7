-- Let the next one who asks follow at once, because a caller failed.
--
--   KEYS[1]  see begin.lua
--   ARGV[1]  when that caller began, ms

if redis.call('HGET', KEYS[1], 'attempted_at_ms') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'attempted_at_ms', '0')
end
return 1
