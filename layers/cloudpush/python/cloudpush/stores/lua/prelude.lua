-- Put before every script that works on one client. All of its keys carry the hash tag of the
-- client's shard, so that they lie in one slot of a cluster:
--
--   KEYS[1]  hash, the client: connection id -> the connection as JSON
--   KEYS[2]  sorted set, the shard: "CONNECTION_ID CLIENT_ID", scored by expires_at_ms
--   KEYS[3]  sorted set, the shard's tombstones: connection id, scored by when each lapses
--
-- Times are milliseconds since the epoch: 13 digits, which cjson writes without loss (it keeps 14).

local client, shard, tombstones = KEYS[1], KEYS[2], KEYS[3]

-- Let a sorted set expire with the last of its members.
local function expire_with_last(key)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if last[2] then
    redis.call('PEXPIREAT', key, string.format('%.0f', last[2]))
  end
end

local function is_forgotten(connection_id, now_ms)
  local lapses_at_ms = redis.call('ZSCORE', tombstones, connection_id)
  return lapses_at_ms and tonumber(lapses_at_ms) > now_ms
end

-- Return the connection's row, or nil if it is unknown, forgotten or expired.
local function live_row(connection_id, now_ms)
  local text = redis.call('HGET', client, connection_id)
  local row = text and cjson.decode(text)
  if row and row.expires_at_ms > now_ms then
    return row
  end
  return nil
end

local function drop(connection_id, client_id)
  redis.call('HDEL', client, connection_id)
  redis.call('ZREM', shard, connection_id .. ' ' .. client_id)
end

local function bury(connection_id, now_ms, lapses_at_ms)
  redis.call('ZREMRANGEBYSCORE', tombstones, '-inf', string.format('%.0f', now_ms))
  redis.call('ZADD', tombstones, lapses_at_ms, connection_id)
  expire_with_last(tombstones)
end
