-- Give a writer what is to be sent next, and the lease to send it under.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  the writer
--   ARGV[4]  until when it has the lease, ms
--   ARGV[5]  messages in a window
--   ARGV[6]  bytes in a window
--   ARGV[7]  ms of slack between clocks, for a timer that comes early
--   ARGV[8…] ms to wait after 0, 1, 2 … resends; the last is that of every further one
--   returns {grant, row JSON or '', timer delay or '', then for each message: seq, after or '',
--   entry as it lies in KEYS[2]}

local RESENDS = #ARGV - 8
local function wait_ms(attempt)
  return tonumber(ARGV[8 + math.min(attempt, RESENDS)])
end

local function answer(grant, row, wants_timer, outgoing)
  local delay_ms = ''
  local wants = row.resend_at_ms
  if wants_timer and wants > 0
    and not (now_ms + tonumber(ARGV[7]) < row.timer_at_ms and row.timer_at_ms <= wants) then
    row.timer_at_ms = math.max(wants, now_ms)
    delay_ms = text_of(row.timer_at_ms - now_ms)
  end
  local found = {grant, save(row), delay_ms}
  for _, value in ipairs(outgoing or {}) do
    found[#found + 1] = value
  end
  return found
end

local row = load()
if not row then
  return {'idle', '', ''}
end
local is_other = row.owner ~= '' and row.owner ~= ARGV[3]
if is_other and row.owned_until_ms > now_ms then
  return {'held', cjson.encode(row), ''}
end
if is_other then
  new_run(row)
end
row.owner, row.owned_until_ms = ARGV[3], tonumber(ARGV[4])
if row.in_flight > 0 and row.resend_at_ms <= now_ms then
  if row.attempt >= RESENDS then
    return answer('exhausted', row, false)
  end
  row.attempt = row.attempt + 1
  new_run(row)
  row.resend_at_ms = 0
end

local room = tonumber(ARGV[5]) - row.in_flight
local room_bytes = tonumber(ARGV[6]) - row.in_flight_bytes
local was_flying = row.in_flight > 0
local outgoing, before, taken, taken_bytes, is_expired = {}, row.cursor_seq, 0, 0, false
for seq = row.cursor_seq + 1, row.last_seq do
  if room <= 0 or row.in_flight + taken >= row.depth or taken >= room then
    break
  end
  local size, expires_at_ms = entry_at(seq)
  if size then
    if expires_at_ms <= now_ms then
      is_expired = true
      break
    end
    if taken_bytes + size > room_bytes and (was_flying or taken > 0) then
      break
    end
    local after = ''
    if before == row.settled_seq then
      after = '0'
    elseif before ~= seq - 1 then
      after = text_of(before)
    end
    outgoing[#outgoing + 1] = text_of(seq)
    outgoing[#outgoing + 1] = after
    outgoing[#outgoing + 1] = redis.call('HGET', entries, text_of(seq))
    before, taken, taken_bytes = seq, taken + 1, taken_bytes + size
  end
end

if taken > 0 then
  row.cursor_seq = before
  row.sent_seq = math.max(row.sent_seq, before)
  row.in_flight = row.in_flight + taken
  row.in_flight_bytes = row.in_flight_bytes + taken_bytes
  if not was_flying or row.resend_at_ms == 0 then
    row.resend_at_ms = now_ms + wait_ms(row.attempt)
  end
  return answer('entries', row, true, outgoing)
end
if is_expired then
  if row.resend_at_ms == 0 then
    row.resend_at_ms = now_ms -- a writer that dies now leaves it to be looked after
  end
  return answer('expired', row, false)
end
row.owner, row.owned_until_ms = '', 0
if row.depth == 0 then
  row.resend_at_ms = 0
end
return answer('idle', row, true)
