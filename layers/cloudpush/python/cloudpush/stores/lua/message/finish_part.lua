-- Record that a part is expanded; with the last one the message is not due any more.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  the part
--   ARGV[4]  how many recipients without receipts it had
--   returns 1, or 0 if that was recorded before

if not is_there() then
  return 0
end
local left, was_open = {}, false
for part in string.gmatch(redis.call('HGET', record, 'open_parts'), '%d+') do
  if part == ARGV[3] then
    was_open = true
  else
    left[#left + 1] = part
  end
end
if not was_open then
  return 0
end
redis.call('HSET', record, 'open_parts', table.concat(left, ','))
redis.call('HINCRBY', record, 'added:untracked', ARGV[4])
if #left == 0 then
  redis.call('ZREM', due, message_id)
end
return 1
