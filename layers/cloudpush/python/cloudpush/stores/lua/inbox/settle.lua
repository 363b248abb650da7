-- Drop messages from the log, and move up to the first that is retained.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  epoch
--   ARGV[4]  1 if the client acknowledged them, else 0
--   ARGV[5]  ms to wait before the first resend
--   ARGV[6…] their seqs
--   returns the row, JSON, or nil if there is no such inbox

local row = load()
if not row or row.epoch ~= ARGV[3] then
  return nil
end
local dropped = 0
for index = 6, #ARGV do
  local seq = tonumber(ARGV[index])
  local size, _, _, publication = entry_at(seq)
  if size then
    dropped = dropped + 1
    redis.call('HDEL', entries, ARGV[index])
    redis.call('HDEL', ids, message_id_in(publication))
    redis.call('ZREM', expiries, ARGV[index])
    row.depth = row.depth - 1
    row.bytes = row.bytes - size
    if seq <= row.cursor_seq then
      row.in_flight = row.in_flight - 1
      row.in_flight_bytes = row.in_flight_bytes - size
    end
  end
end
if dropped == 0 then
  return cjson.encode(row)
end
if row.depth == 0 then
  row.settled_seq, row.next_expiry_ms = row.last_seq, 0
  row.resend_at_ms, row.attempt = 0, 0
else
  while redis.call('HEXISTS', entries, text_of(row.settled_seq + 1)) == 0 do
    row.settled_seq = row.settled_seq + 1
  end
  if ARGV[4] == '1' then
    row.resend_at_ms, row.attempt = now_ms + tonumber(ARGV[5]), 0
  end
  local first = redis.call('ZRANGE', expiries, 0, 0, 'WITHSCORES')
  row.next_expiry_ms = tonumber(first[2])
end
row.cursor_seq = math.max(row.cursor_seq, row.settled_seq)
return save(row)
