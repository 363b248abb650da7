-- Put behind prelude.lua in scripts that move a message from list to list. The lists are the
-- shard's, and carry its hash tag:
--
--   KEYS[5], KEYS[6], KEYS[7]  zsets, the messages that are scheduled, running, finished: names,
--            "ACCEPTED_AT_MS MESSAGE" with 15 digits, in the order of their letters
--   KEYS[8]  zset, all of these names, scored by until when there is a record, ms
--   the record has "name", and "listing", in which list it is

local lists = {scheduled = KEYS[5], running = KEYS[6], finished = KEYS[7]}
local endings = KEYS[8]

-- Each call drops more of those that are over than it adds: lists do not outgrow the records.
local function drop_ended()
  for _, name in ipairs(redis.call('ZRANGE', endings, '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, 4)) do
    for _, key in pairs(lists) do
      redis.call('ZREM', key, name)
    end
    redis.call('ZREM', endings, name)
  end
end

-- Let a message stand in this list, and in no other. One that was stored before there were lists
-- has no name, and stays out.
local function list_as(listing)
  local found = redis.call('HMGET', record, 'name', 'listing', 'ends_at_ms')
  local name, before, ends_at_ms = found[1], found[2], found[3]
  if not name or before == listing then
    return
  end
  if before then
    redis.call('ZREM', lists[before], name)
  end
  redis.call('HSET', record, 'listing', listing)
  redis.call('ZADD', lists[listing], 0, name)
  redis.call('ZADD', endings, ends_at_ms, name)
  for _, key in ipairs({lists[listing], endings}) do
    redis.call('PEXPIREAT', key, ends_at_ms, 'NX')
    redis.call('PEXPIREAT', key, ends_at_ms, 'GT')
  end
end
