-- Record how far shards are, and add what was posted.
--
--   KEYS     see claim.lua
--   ARGV[1]  now, ms
--   ARGV[2]  owner
--   ARGV[3]  until when those that go on are leased, ms
--   ARGV[4] to ARGV[8]  how many were sent, waiting, gone, dropped, untracked
--   ARGV[9] ...  for each shard three: its number; "held", "released" or "finished"; its cursor
--   returns the shards that are held and are the owner's

local fan_out, open = KEYS[1], KEYS[2]
if redis.call('EXISTS', fan_out) == 0 then
  return {}
end
for at, name in ipairs({'sent', 'waiting', 'gone', 'dropped', 'untracked'}) do
  redis.call('HINCRBY', fan_out, name, ARGV[3 + at])
end
redis.call('HSETNX', fan_out, 'first_at_ms', ARGV[1])
redis.call('HSET', fan_out, 'last_at_ms', ARGV[1])
local held = {}
for at = 9, #ARGV, 3 do
  local shard, what, cursor = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('HGET', fan_out, 'owner:' .. shard) == ARGV[2] then
    if what == 'finished' then
      redis.call('ZREM', open, shard)
      redis.call('HDEL', fan_out, 'owner:' .. shard, 'cursor:' .. shard)
    else
      if cursor ~= '' then
        redis.call('HSET', fan_out, 'cursor:' .. shard, cursor)
      end
      if what == 'held' then
        redis.call('ZADD', open, ARGV[3], shard)
        held[#held + 1] = shard
      else
        redis.call('ZADD', open, 0, shard)
        redis.call('HDEL', fan_out, 'owner:' .. shard)
      end
    end
  end
end
return held
