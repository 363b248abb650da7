-- Take a message from one stage to another, if it is in the first and its time has come.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua and listing.lua
--   ARGV[3]  from this stage
--   ARGV[4]  to this one
--   ARGV[5]  not before this time, ms
--   ARGV[6]  "keep" leaves it as due as it is, and where it stands; "now" makes it due at once if
--            it is open; "drop" and "stop" make it not due and list it as finished; the name of a
--            list keeps it due, and moves it there; "keep" and "stop" are nothing if it is not open
--   returns the record as names and values in turn, none if it is not there

if not is_there() then
  return {}
end
local is_open = redis.call('HGET', record, 'is_open') == '1'
local is_late = (ARGV[6] == 'keep' or ARGV[6] == 'stop') and not is_open
local is_due = now_ms >= tonumber(ARGV[5])
if redis.call('HGET', record, 'stage') == ARGV[3] and is_due and not is_late then
  redis.call('HSET', record, 'stage', ARGV[4])
  if ARGV[6] == 'drop' or ARGV[6] == 'stop' then
    redis.call('ZREM', due, message_id)
    list_as('finished')
  elseif ARGV[6] == 'now' and is_open then
    redis.call('ZADD', due, ARGV[2], message_id)
  elseif lists[ARGV[6]] then
    list_as(ARGV[6])
  end
end
return redis.call('HGETALL', record)
