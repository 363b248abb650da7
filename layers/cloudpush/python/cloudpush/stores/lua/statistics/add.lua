-- Add to the counters of a minute.
--
--   KEYS[1]  hash: counter -> number
--   ARGV[1]  when it lapses, ms since the epoch
--   ARGV[2…] counters and what is added to each, in turn

for index = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[index], ARGV[index + 1])
end
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 1
