-- Return what an acknowledgement is about.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  the seq up to which it reaches, or 0
--   ARGV[4]  how many of those at most
--   ARGV[5…] message ids
--   returns {epoch, then for each: seq, message id, 1 if its receipts are kept, else 0}

local row = load()
if not row then
  return {''}
end
local found, chosen, taken = {row.epoch}, {}, 0

local function add(seq)
  local _, _, tracked, publication = entry_at(seq)
  if publication and not chosen[seq] then
    chosen[seq] = true
    taken = taken + 1
    found[#found + 1] = text_of(seq)
    found[#found + 1] = message_id_in(publication)
    found[#found + 1] = tracked
  end
end

for seq = row.settled_seq + 1, math.min(tonumber(ARGV[3]), row.sent_seq) do
  if taken >= tonumber(ARGV[4]) then
    break
  end
  add(seq)
end
for index = 5, #ARGV do
  local seq = tonumber(redis.call('HGET', ids, ARGV[index]) or 0)
  if seq > 0 and seq <= row.sent_seq then
    add(seq)
  end
end
return found
