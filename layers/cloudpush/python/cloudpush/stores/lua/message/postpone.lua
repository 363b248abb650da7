-- Set when somebody looks at a message again, if nobody else did.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua; "now" is not used
--   ARGV[3]  when it was to be looked at, as it was read, ms
--   ARGV[4]  when it is from now on, ms
--   returns 1, or 0 if another one was faster or it is not due

local at_ms = redis.call('ZSCORE', due, message_id)
if not at_ms or tonumber(at_ms) ~= tonumber(ARGV[3]) then
  return 0
end
if redis.call('EXISTS', record) == 0 then
  redis.call('ZREM', due, message_id) -- its record is over, and nobody finished it
  return 0
end
redis.call('ZADD', due, ARGV[4], message_id)
return 1
