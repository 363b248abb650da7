-- Read connections of one shard, many in one answer: that costs their reader a tenth of as many
-- answers.
--
--   KEYS  hashes, the clients, as often as there are connections of each to read
--   ARGV  connection id for each of them
--   returns the rows that are there, JSON, each on a line

local rows = {}
for at, client in ipairs(KEYS) do
  rows[#rows + 1] = redis.call('HGET', client, ARGV[at]) or nil
end
return table.concat(rows, '\n')
