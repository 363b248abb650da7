-- Put a copy of a message into the inbox.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  the publication, JSON
--   ARGV[4]  its size, bytes
--   ARGV[5]  message id
--   ARGV[6]  when it expires, ms
--   ARGV[7]  1 if its receipts are kept, else 0
--   ARGV[8]  the epoch of an inbox that is made
--   ARGV[9]  until when an inbox is kept from now on, ms
--   ARGV[10] how many messages an inbox holds
--   ARGV[11] how many bytes
--   returns the name of an `Append`

local size, expires_at_ms = tonumber(ARGV[4]), tonumber(ARGV[6])
local row = load()
if row then
  local until_ms = redis.call('ZSCORE', seen, ARGV[5])
  if until_ms and tonumber(until_ms) > now_ms then
    return 'duplicate'
  end
end
if expires_at_ms <= now_ms then
  return 'expired'
end
if row and (row.depth >= tonumber(ARGV[10]) or row.bytes + size > tonumber(ARGV[11])) then
  return 'full'
end
if not row then
  if tonumber(ARGV[10]) < 1 or size > tonumber(ARGV[11]) then
    return 'full'
  end
  row = new_row(ARGV[8], 0)
end
row.last_seq = row.last_seq + 1
row.depth = row.depth + 1
row.bytes = row.bytes + size
if row.next_expiry_ms == 0 or expires_at_ms < row.next_expiry_ms then
  row.next_expiry_ms = expires_at_ms
end
row.kept_until_ms = math.max(row.kept_until_ms, tonumber(ARGV[9]))
local seq = text_of(row.last_seq)
redis.call('HSET', entries, seq, table.concat({ARGV[4], ARGV[6], ARGV[7], ARGV[3]}, ' '))
redis.call('ZREMRANGEBYSCORE', seen, '-inf', ARGV[2])
redis.call('ZADD', seen, ARGV[6], ARGV[5])
redis.call('HSET', ids, ARGV[5], seq)
redis.call('ZADD', expiries, ARGV[6], seq)
save(row, true)
return 'appended'
