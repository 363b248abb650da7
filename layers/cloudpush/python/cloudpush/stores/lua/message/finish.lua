-- Record that every target has its copy: the message is not due any more.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua and listing.lua
--   returns 1, or 0 if that was recorded before

if not is_there() or redis.call('HGET', record, 'is_open') ~= '1' then
  return 0
end
redis.call('HSET', record, 'is_open', 0)
redis.call('ZREM', due, message_id)
if redis.call('HGET', record, 'stage') ~= 'scheduled' then
  list_as('finished')
end
return 1
