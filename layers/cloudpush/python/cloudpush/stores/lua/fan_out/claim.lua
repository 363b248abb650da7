-- Lease shards that are free; make the record if there is none.
--
--   KEYS[1]  hash, the fan-out: "ends_at_ms", "owner:SHARD", "cursor:SHARD", "watched_until_ms" and
--            what was posted
--   KEYS[2]  zset, the shards that are not finished, by when each is free, ms
--   ARGV[1]  now, ms
--   ARGV[2]  owner
--   ARGV[3]  how many at most
--   ARGV[4]  until when they are leased, ms
--   ARGV[5]  until when a new record is there, ms
--   ARGV[6]  into how many shards a new one is divided
--   returns {how many are open, when to look again or 0, shard, cursor, shard, cursor, ...}

local fan_out, open = KEYS[1], KEYS[2]
local now_ms = tonumber(ARGV[1])
local ends_at_ms = redis.call('HGET', fan_out, 'ends_at_ms')
if not ends_at_ms or tonumber(ends_at_ms) <= now_ms then
  redis.call('DEL', fan_out, open)
  redis.call('HSET', fan_out, 'ends_at_ms', ARGV[5])
  for shard = 0, ARGV[6] - 1 do
    redis.call('ZADD', open, 0, shard)
  end
  redis.call('PEXPIREAT', fan_out, ARGV[5])
  redis.call('PEXPIREAT', open, ARGV[5])
end
local free = redis.call('ZRANGE', open, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[3])
local answer = {redis.call('ZCARD', open), '0'}
for _, shard in ipairs(free) do
  redis.call('ZADD', open, ARGV[4], shard)
  redis.call('HSET', fan_out, 'owner:' .. shard, ARGV[2])
  answer[#answer + 1] = shard
  answer[#answer + 1] = redis.call('HGET', fan_out, 'cursor:' .. shard) or ''
end
if #free == 0 and answer[1] > 0 then
  local watched_until_ms = redis.call('HGET', fan_out, 'watched_until_ms')
  if not watched_until_ms or tonumber(watched_until_ms) <= now_ms then
    answer[2] = redis.call('ZRANGE', open, 0, 0, 'WITHSCORES')[2]
    redis.call('HSET', fan_out, 'watched_until_ms', answer[2])
  end
end
return answer
