-- Pay for posts, or slow down: the rules are those of budget_rules.py.
--
--   KEYS[1]  hash, the ledger: "paid_until_us", "cut_share", "cut_at_ms"
--   ARGV[1]  now, ms
--   ARGV[2]  how many posts to pay for, or to give back; 0 slows down
--   ARGV[3]  the full rate, posts a second
--   ARGV[4], ARGV[5], ARGV[6], ARGV[7]  BURST_MS, CUT_EVERY_MS, RECOVERY_PER_SECOND, LEAST_SHARE
--   ARGV[8]  where they would wait longer, nothing is paid, ms; or ''
--   returns how long the posts have to wait, ms

local ledger, now_ms, posts = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local found = redis.call('HMGET', ledger, 'paid_until_us', 'cut_share', 'cut_at_ms')
local paid_until_us = tonumber(found[1] or '0')
local cut_at_ms = tonumber(found[3] or '0')
local since_ms = math.max(0, now_ms - cut_at_ms)
local share = math.min(1, tonumber(found[2] or '1') + ARGV[6] * since_ms / 1000)
if posts == 0 then
  if now_ms - cut_at_ms >= tonumber(ARGV[5]) then
    redis.call('HSET', ledger, 'cut_share', math.max(tonumber(ARGV[7]), share / 2),
      'cut_at_ms', ARGV[1])
  end
  return 0
end
local wait_ms = math.max(0, math.ceil(paid_until_us / 1000) - now_ms)
if ARGV[8] ~= '' and wait_ms > tonumber(ARGV[8]) then
  return wait_ms
end
local start_us = math.max(paid_until_us, (now_ms - ARGV[4]) * 1000)
local cost_us = math.floor(posts * 1000000 / (ARGV[3] * share) + 0.5)
redis.call('HSET', ledger, 'paid_until_us', string.format('%.0f', start_us + cost_us))
return wait_ms
