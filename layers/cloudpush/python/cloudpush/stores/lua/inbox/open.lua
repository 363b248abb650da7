-- Begin a new run, because a connection came; make the inbox if it is not there.
--
--   KEYS, ARGV[1], ARGV[2]  see prelude.lua
--   ARGV[3]  the epoch of an inbox that is made
--   ARGV[4]  until when an inbox is kept from now on, ms
--   returns the row, JSON

local row = load() or new_row(ARGV[3], 0)
new_run(row)
row.attempt = 0
row.resend_at_ms = row.depth > 0 and now_ms or 0
row.kept_until_ms = math.max(row.kept_until_ms, tonumber(ARGV[4]))
return save(row, true)
