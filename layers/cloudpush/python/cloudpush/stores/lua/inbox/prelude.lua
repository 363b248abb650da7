-- Put before every script that works on one client's inbox. All keys carry the hash tag of the
-- client's shard:
--
--   KEYS[1]  string, the row as JSON (cloudpush.model.Inbox)
--   KEYS[2]  hash, the entries: seq -> "SIZE EXPIRES_AT_MS TRACKED PUBLICATION"
--   KEYS[3]  zset, message ids that the inbox has had, scored by when each may be forgotten
--   KEYS[4]  hash, the retained ones of them: message id -> seq
--   KEYS[5]  zset, seqs by when their entries expire
--   KEYS[6]  zset, the shard's inboxes: client id, all scored 0, so that pages are stable
--   KEYS[7]  zset, the same, scored by kept_until_ms
--   KEYS[8]  zset, those of the shard that want to be looked after, scored by since when
--   ARGV[1]  client id
--   ARGV[2]  now, ms
--
-- The rules are those of inbox_rules.py, where a table shows them.

local row_key, entries, seen, ids, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local inboxes, ends, due = KEYS[6], KEYS[7], KEYS[8]
local client_id, now_ms = ARGV[1], tonumber(ARGV[2])

local function text_of(number)
  return string.format('%.0f', number)
end

-- Return the row, or nil if there is none or it has expired.
local function load()
  local text = redis.call('GET', row_key)
  local row = text and cjson.decode(text)
  if row and row.kept_until_ms > now_ms then
    return row
  end
  return nil
end

local function new_row(epoch, kept_until_ms)
  redis.call('DEL', entries, seen, ids, expiries) -- of an inbox that expired, by our clock
  return {
    client_id = client_id, epoch = epoch, last_seq = 0, settled_seq = 0, sent_seq = 0,
    cursor_seq = 0, depth = 0, bytes = 0, in_flight = 0, in_flight_bytes = 0, attempt = 0,
    resend_at_ms = 0, timer_at_ms = 0, next_expiry_ms = 0, owner = '', owned_until_ms = 0,
    fence = 0, kept_until_ms = kept_until_ms,
  }
end

local function expire_no_earlier(key, at)
  redis.call('PEXPIREAT', key, at, 'NX')
  redis.call('PEXPIREAT', key, at, 'GT')
end

-- Write the row back; returns it as JSON. With `prolong`, its keys live as long as it does.
local function save(row, prolong)
  local text, at = cjson.encode(row), text_of(row.kept_until_ms)
  redis.call('SET', row_key, text, 'PXAT', at)
  local due_ms = row.resend_at_ms
  if row.next_expiry_ms > 0 and (due_ms == 0 or row.next_expiry_ms < due_ms) then
    due_ms = row.next_expiry_ms
  end
  if due_ms > 0 then
    redis.call('ZADD', due, text_of(due_ms), client_id)
  else
    redis.call('ZREM', due, client_id)
  end
  if prolong then
    -- What expired unnoticed leaves the shard here, so that it never outgrows its inboxes.
    local over = redis.call('ZRANGE', ends, '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, 100)
    if over[1] then
      redis.call('ZREM', inboxes, unpack(over))
      redis.call('ZREM', ends, unpack(over))
      redis.call('ZREM', due, unpack(over))
    end
    redis.call('ZADD', inboxes, 0, client_id)
    redis.call('ZADD', ends, at, client_id)
    for _, key in ipairs({entries, seen, ids, expiries}) do
      redis.call('PEXPIREAT', key, at)
    end
    expire_no_earlier(inboxes, at)
    expire_no_earlier(ends, at)
    expire_no_earlier(due, at)
  end
  return text
end

local function new_run(row)
  row.cursor_seq = row.settled_seq
  row.in_flight, row.in_flight_bytes = 0, 0
  row.fence = row.fence + 1
end

-- Return size, expiry, whether receipts are kept, and the publication, of an entry; or nil.
local function entry_at(seq)
  local text = redis.call('HGET', entries, text_of(seq))
  if not text then
    return nil
  end
  local size, expires_at_ms, tracked, publication = string.match(text, '^(%d+) (%d+) (%d) (.*)$')
  return tonumber(size), tonumber(expires_at_ms), tracked, publication
end

-- The publication is written by us, its message id first, and our ids have no escapes.
local function message_id_in(publication)
  return string.match(publication, '^{"message_id":"([^"]*)"')
end
