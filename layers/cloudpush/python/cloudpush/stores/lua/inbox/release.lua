-- Let go of the lease, or end the run as well because the client has no connection.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  the writer
--   ARGV[4]  the fence at which the run ends; '' lets go of the lease alone
--   ARGV[5]  1 if nothing was sent of what was handed out last, else 0
--   returns 1, or 0 if the lease or the run is another

local row = load()
if not row or row.owner ~= ARGV[3] then
  return 0
end
if ARGV[4] ~= '' then
  if row.fence ~= tonumber(ARGV[4]) then
    return 0
  end
  new_run(row)
  row.attempt, row.resend_at_ms, row.timer_at_ms = 0, 0, 0
end
if ARGV[5] == '1' then
  row.attempt = math.max(0, row.attempt - 1)
end
row.owner, row.owned_until_ms = '', 0
save(row)
return 1
