-- Store a message, when to look at it, and in which list it stands.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua and listing.lua
--   ARGV[3]  the message, JSON
--   ARGV[4]  until when its record is there, ms
--   ARGV[5]  its stage
--   ARGV[6]  when to look at it, ms
--   ARGV[7]  its name in the lists
--   ARGV[8]  its list
--   returns 1, or 0 if there is a record

if is_there() then
  return 0
end
redis.call('DEL', record, receipts, recipients) -- of a record that is over, by our clock
redis.call('HSET', record, 'message', ARGV[3], 'ends_at_ms', ARGV[4], 'stage', ARGV[5],
  'is_open', 1, 'name', ARGV[7])
redis.call('PEXPIREAT', record, ARGV[4])
redis.call('ZADD', due, ARGV[6], message_id)
redis.call('PEXPIREAT', due, ARGV[4], 'NX')
redis.call('PEXPIREAT', due, ARGV[4], 'GT')
drop_ended()
list_as(ARGV[8])
return 1
