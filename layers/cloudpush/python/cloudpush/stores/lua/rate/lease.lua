-- Take tokens of a rate: the rules are those of rate_rules.py.
--
--   KEYS[1]  string, until when the rate is used up, ms
--   ARGV[1]  now, ms
--   ARGV[2]  what the tokens cost, ms
--   ARGV[3]  how much may be used up ahead of now, ms
--   returns 0, or in how many ms they would be there

local now_ms = tonumber(ARGV[1])
local used_ms = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now_ms) + ARGV[2]
local wait_ms = used_ms - now_ms - ARGV[3]
if wait_ms > 0 then
  return wait_ms
end
local text = string.format('%.0f', used_ms)
redis.call('SET', KEYS[1], text, 'PXAT', text)
return 0
