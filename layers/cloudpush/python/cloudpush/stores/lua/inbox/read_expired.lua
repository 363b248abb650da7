-- Return the first messages whose time is over.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  how many at most
--   returns {epoch, then for each, in any order: seq, message id, 1 if its receipts are kept}

local row = load()
if not row then
  return {''}
end
local seqs = redis.call('ZRANGEBYSCORE', expiries, '-inf', ARGV[2])
table.sort(seqs, function(a, b) return tonumber(a) < tonumber(b) end)
local found = {row.epoch}
for index = 1, math.min(#seqs, tonumber(ARGV[3])) do
  local _, _, tracked, publication = entry_at(tonumber(seqs[index]))
  found[#found + 1] = seqs[index]
  found[#found + 1] = message_id_in(publication)
  found[#found + 1] = tracked
end
return found
