-- Reserve an idempotency key, or say who has it.
--
--   KEYS[1]  hash: "fingerprint", "message_id", "reserved_at_ms", "attempted_at_ms", "answer"
--   ARGV[1]  fingerprint of the request
--   ARGV[2]  message id, if the key is new
--   ARGV[3]  now, ms
--   ARGV[4]  how long a key is kept, ms
--   ARGV[5]  after so long without an answer a caller counts as dead, ms
--   returns  {message id, 1 if it is the caller's, 1 if the request is the same, the answer or ""}

local key, fingerprint, now_ms = KEYS[1], ARGV[1], tonumber(ARGV[3])
local known = redis.call(
  'HMGET', key, 'fingerprint', 'message_id', 'reserved_at_ms', 'attempted_at_ms', 'answer')

if not known[1] or tonumber(known[3]) + tonumber(ARGV[4]) <= now_ms then
  redis.call('DEL', key)
  redis.call('HSET', key, 'fingerprint', fingerprint, 'message_id', ARGV[2],
    'reserved_at_ms', ARGV[3], 'attempted_at_ms', ARGV[3])
  redis.call('PEXPIREAT', key, string.format('%.0f', now_ms + tonumber(ARGV[4])))
  return {ARGV[2], 1, 1, ''}
end
if known[1] ~= fingerprint then
  return {known[2], 0, 0, ''}
end
if not known[5] and tonumber(known[4]) + tonumber(ARGV[5]) <= now_ms then
  redis.call('HSET', key, 'attempted_at_ms', ARGV[3])
  return {known[2], 1, 1, ''}
end
return {known[2], 0, 1, known[5] or ''}
