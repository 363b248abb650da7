-- Record one receipt, and add to the counts what is news.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  client id
--   ARGV[4]  state, a `ReceiptState`
--   ARGV[5]  when it came into that state, ms
--   ARGV[6]  when it was sent, ms; 0 if not known
--   returns "1 " if it is news, else "0 ", and the receipt as it is kept; nothing if there is no
--   record

local QUEUED, SENT, DELIVERED, EXPIRED, REJECTED, MISSING = 1, 2, 3, 4, 5, 6
local NAMES = {'queued', 'sent', 'delivered', 'expired', 'rejected', 'missing'}
local PATHS = { -- as in receipt_rules.py
  [QUEUED] = {QUEUED},
  [SENT] = {QUEUED, SENT},
  [DELIVERED] = {QUEUED, SENT, DELIVERED},
  [EXPIRED] = {QUEUED, EXPIRED},
  [REJECTED] = {REJECTED},
  [MISSING] = {MISSING},
}

if not is_there() then
  return false
end
local client_id, state, at_ms, sent_at_ms = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local before = 0
local known = redis.call('HGET', receipts, client_id)
if known then
  local known_state, _, known_sent_at_ms = string.match(known, '^(%d+) (%d+) (%d+)$')
  before = tonumber(known_state)
  if before >= DELIVERED or state <= before then
    return '0 ' .. known
  end
  if known_sent_at_ms ~= '0' then
    sent_at_ms = known_sent_at_ms
  end
else
  redis.call('HINCRBY', record, 'added:seen', 1)
  redis.call('ZADD', recipients, 0, client_id)
end
if sent_at_ms == '0' and state == SENT then
  sent_at_ms = at_ms
end
local kept = table.concat({ARGV[4], at_ms, sent_at_ms}, ' ')
redis.call('HSET', receipts, client_id, kept)

local passed = {}
for _, each in ipairs(PATHS[before] or {}) do
  passed[each] = true
end
for _, each in ipairs(PATHS[state]) do
  if not passed[each] then
    local name = NAMES[each]
    redis.call('HINCRBY', record, 'added:' .. name, 1)
    local first = redis.call('HGET', record, 'first:' .. name)
    if not first or tonumber(at_ms) < tonumber(first) then
      redis.call('HSET', record, 'first:' .. name, at_ms)
    end
    local last = redis.call('HGET', record, 'last:' .. name)
    if not last or tonumber(at_ms) > tonumber(last) then
      redis.call('HSET', record, 'last:' .. name, at_ms)
    end
  end
end
if not known then
  local ends_at_ms = redis.call('HGET', record, 'ends_at_ms')
  redis.call('PEXPIREAT', receipts, ends_at_ms)
  redis.call('PEXPIREAT', recipients, ends_at_ms)
end
return '1 ' .. kept
