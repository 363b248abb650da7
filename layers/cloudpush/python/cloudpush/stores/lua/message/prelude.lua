-- Put before every script that works on one message. All keys carry the hash tag of the message's
-- shard:
--
--   KEYS[1]  hash, the record: "message" its JSON, "ends_at_ms", "stage", "is_open" 1 or 0,
--            "name" and "listing" (listing.lua), and what was added to its counts and times: "added:NAME", "first:NAME", "last:NAME"
--   KEYS[2]  hash, the receipts: client id -> "STATE AT_MS SENT_AT_MS", the last 0 if not known
--   KEYS[3]  zset, the clients in the order of their names
--   KEYS[4]  zset, the shard's messages that are due: message id, scored by when to look at it
--   ARGV[1]  message id
--   ARGV[2]  now, ms

local record, receipts, recipients, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local message_id, now_ms = ARGV[1], tonumber(ARGV[2])

local function is_there()
  local ends_at_ms = redis.call('HGET', record, 'ends_at_ms')
  return ends_at_ms and tonumber(ends_at_ms) > now_ms
end
