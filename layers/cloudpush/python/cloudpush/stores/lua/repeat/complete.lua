-- Keep the answer of a request whose key is reserved.
--
--   KEYS[1]  see begin.lua
--   ARGV[1]  the answer

if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'answer', ARGV[1])
end
return 1
