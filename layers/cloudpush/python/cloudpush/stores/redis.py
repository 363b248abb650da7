"""The connection store on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}connection:{CONNECTION_ID}   string   the pointer: whose connection it is
    {prefix}{SHARD}:client:CLIENT_ID     hash     connection id -> the connection as JSON: the truth
    {prefix}{SHARD}:connections          zset     all connections of the shard, by expiry
    {prefix}{SHARD}:tombstones           zset     the forgotten ones, by when the tombstone lapses

Braces around `SHARD` and `CONNECTION_ID` stand in the key itself: they are hash tags. The shard
is that of the client id, so that one script changes a client, its shard and its tombstones in one
step, in one slot. The pointer (`redis_pointers`) lies in another slot: it is written first, and
only once, so it needs no common step with the rest. Its price is a round trip, which `get`,
`touch`, `confirm` and `forget_unseen` pay the first time that an environment meets a connection.
So `admit` and `forget` take two round trips, these one or two, and `resolve` one for 500 clients.
Every key expires by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec

from cloudpush.errors import TooManyConnections
from cloudpush.model import (
    MAX_CONNECTIONS_PER_CLIENT,
    TOMBSTONE_LIFETIME_MS,
    Connection,
    Place,
    Policy,
    shard_of,
)
from cloudpush.ports import Admission, Page
from cloudpush.stores.redis_client import read_script, run_many, translated_errors
from cloudpush.stores.redis_pointers import Pointers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cloudpush.stores.redis_client import Client

CLIENTS_PER_PIPELINE: Final = 500
"""How many clients `resolve` looks up in one round trip: about 100 KB of answers."""


class RedisConnectionStore:
    """`ports.ConnectionStore` on a Redis client that was made with `decode_responses=True`.

    `prefix` stands before every key, so that several deployments can share a server.
    """

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "cloudpush:",
        max_connections: int = MAX_CONNECTIONS_PER_CLIENT,
    ) -> None:
        self._max_connections = max_connections
        self._client = client
        self._prefix = prefix
        self._pointers = Pointers(client, prefix=prefix)
        self._read_rows = read_script(client, "read_rows")
        self._admit, self._touch, self._confirm, self._forget, self._forget_unseen = (
            read_script(client, "prelude", name)
            for name in ("admit", "touch", "confirm", "forget", "forget_unseen")
        )

    def close(self) -> None:
        """Close the sockets. The store may be used again: it connects anew."""
        self._client.close()

    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        """See `ports.ConnectionStore.admit`."""
        if connection.expires_at_ms <= now_ms:
            return Admission()
        connection = msgspec.structs.replace(connection, is_open=False)
        if not self._pointers.admit(connection, now_ms=now_ms):
            return Admission()
        with translated_errors():
            answer = self._admit(
                keys=self._keys(connection.client_id),
                args=[
                    msgspec.json.encode(connection),
                    policy.value,
                    now_ms,
                    self._max_connections,
                    now_ms + TOMBSTONE_LIFETIME_MS,
                ],
            )
        verdict, *replaced = cast("list[str]", answer)
        if verdict == "too_many":
            raise TooManyConnections(connection.client_id)
        return Admission(
            replaced=_by_generation(_decoded(text) for text in replaced),
            is_superseded=verdict == "superseded",
        )

    def get(self, connection_id: str, *, now_ms: int) -> Connection | None:
        """See `ports.ConnectionStore.get`."""
        client_id = self._pointers.client_of(connection_id)
        if client_id is None:
            return None
        with translated_errors():
            text = self._client.hget(self._client_key(client_id), connection_id)
        found = _decoded(text) if text is not None else None
        return found if found is not None and found.expires_at_ms > now_ms else None

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.touch`."""
        client_id = self._pointers.client_of(connection_id)
        if client_id is None:
            return False
        with translated_errors():
            return bool(self._touch(keys=self._keys(client_id), args=[connection_id, now_ms]))

    def confirm(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.confirm`."""
        client_id = self._pointers.client_of(connection_id)
        if client_id is None:
            return False
        with translated_errors():
            return bool(self._confirm(keys=self._keys(client_id), args=[connection_id, now_ms]))

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.forget`."""
        lapses_at_ms = now_ms + TOMBSTONE_LIFETIME_MS
        # If the pointer says nothing yet, it becomes the tombstone: an admit that comes late, or
        # is between its two steps, finds it there or in the client's shard.
        client_id = self._pointers.forget(connection_id, lapses_at_ms=lapses_at_ms, now_ms=now_ms)
        if client_id is None:
            return False
        with translated_errors():
            return bool(
                self._forget(
                    keys=self._keys(client_id),
                    args=[connection_id, client_id, now_ms, lapses_at_ms],
                )
            )

    def forget_unseen(self, connection_id: str, *, seen_before_ms: int, now_ms: int) -> bool:
        """See `ports.ConnectionStore.forget_unseen`."""
        client_id = self._pointers.client_of(connection_id)
        if client_id is None:
            return False
        lapses_at_ms = now_ms + TOMBSTONE_LIFETIME_MS
        with translated_errors():
            return bool(
                self._forget_unseen(
                    keys=self._keys(client_id),
                    args=[connection_id, client_id, now_ms, lapses_at_ms, seen_before_ms],
                )
            )

    def resolve(
        self, client_ids: Iterable[str], *, now_ms: int
    ) -> Mapping[str, tuple[Connection, ...]]:
        """See `ports.ConnectionStore.resolve`."""
        wanted = list(dict.fromkeys(client_ids))
        found: dict[str, tuple[Connection, ...]] = {}
        for start in range(0, len(wanted), CLIENTS_PER_PIPELINE):
            part = wanted[start : start + CLIENTS_PER_PIPELINE]
            for client_id, texts in zip(part, self._values_of(part), strict=True):
                held = _by_generation(
                    connection
                    for connection in map(_decoded, texts)
                    if connection.expires_at_ms > now_ms
                )
                if held:
                    found[client_id] = held
        return found

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> Page:
        """See `ports.ConnectionStore.read_shard`."""
        place = Place(shard=shard, cursor=cursor)
        return self.read_shards([place], limit=limit, now_ms=now_ms)[0]

    def read_shards(self, places: Sequence[Place], *, limit: int, now_ms: int) -> Sequence[Page]:
        """See `ports.ConnectionStore.read_shards`."""
        found = self._members_after(places, limit=limit, now_ms=now_ms)
        rows = iter(
            self._rows_of(
                [
                    (self._home(place.shard), members)
                    for place, members in zip(places, found, strict=True)
                    if members
                ]
            )
        )
        pages: list[Page] = []
        for members in found:
            last = members[-1] if len(members) == limit else None
            held = next(rows) if members else ()
            pages.append(
                Page(
                    connections=tuple(row for row in held if row.expires_at_ms > now_ms),
                    cursor=f"{last[0]} {last[1]}" if last else None,
                )
            )
        return pages

    def read_stale(
        self, places: Sequence[Place], *, seen_before_ms: int, limit: int = 500, now_ms: int
    ) -> Sequence[Page]:
        """See `ports.ConnectionStore.read_stale`. It reads the whole shards to find them."""
        return [
            Page(
                connections=tuple(
                    row for row in page.connections if row.last_seen_ms < seen_before_ms
                ),
                cursor=page.cursor,
            )
            for page in self.read_shards(places, limit=limit, now_ms=now_ms)
        ]

    def count_shards(self, shards: Sequence[int], *, now_ms: int) -> int:
        """See `ports.ConnectionStore.count_shards`."""
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for each in shards:
                pipeline.zcount(self._shard_key(each), f"({now_ms}", "+inf")
            return sum(pipeline.execute())

    def ping(self) -> None:
        """See `ports.ConnectionStore.ping`."""
        with translated_errors():
            self._client.ping()

    def _home(self, shard: int) -> str:
        return f"{self._prefix}{{{shard:03}}}:"

    def _client_key(self, client_id: str) -> str:
        return f"{self._home(shard_of(client_id))}client:{client_id}"

    def _shard_key(self, shard: int) -> str:
        return f"{self._home(shard)}connections"

    def _keys(self, client_id: str) -> list[str]:
        """Return KEYS as the scripts name them (prelude.lua)."""
        shard = shard_of(client_id)
        return [
            self._client_key(client_id),
            self._shard_key(shard),
            f"{self._prefix}{{{shard:03}}}:tombstones",
        ]

    def _values_of(self, client_ids: Sequence[str]) -> list[list[str]]:
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for client_id in client_ids:
                pipeline.hvals(self._client_key(client_id))
            return pipeline.execute()

    def _members_after(
        self, places: Sequence[Place], *, limit: int, now_ms: int
    ) -> list[list[tuple[int, str]]]:
        """Return (score, member) in the order of each set: by expiry, ties by their bytes.

        Both are fixed for a connection's life, so those that come and go shift no other.
        """
        starts = [_cursor_parts(each.cursor) for each in places]
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for place, (score, _) in zip(places, starts, strict=True):
                key = self._shard_key(place.shard)
                pipeline.zrange(key, score, str(score), byscore=True, withscores=True)
                pipeline.zrange(
                    key,
                    f"({max(score, now_ms)}",
                    "+inf",
                    byscore=True,
                    withscores=True,
                    offset=0,
                    num=limit,
                )
            answers = pipeline.execute()
        found: list[list[tuple[int, str]]] = []
        for start, ties, rest in zip(starts, answers[::2], answers[1::2], strict=True):
            members = [(int(at), str(member)) for member, at in [*ties, *rest]]
            if ties:
                members = [each for each in members if each > start]
            found.append(members[:limit])
        return found

    def _rows_of(
        self, shards: Sequence[tuple[str, Sequence[tuple[int, str]]]]
    ) -> list[list[Connection]]:
        """Return, for the members of each shard, the rows of those that have one, in order."""
        calls: list[tuple[list[str], list[str]]] = []
        for home, members in shards:
            parts = [member.partition(" ") for _, member in members]
            calls.append(
                ([f"{home}client:{client}" for *_, client in parts], [each for each, *_ in parts])
            )
        answers: list[str] = run_many(self._client, self._read_rows, calls)
        return [_row_decoder.decode_lines(text) for text in answers]


_row_decoder = msgspec.json.Decoder(Connection)


def _decoded(text: str) -> Connection:
    return msgspec.json.decode(text, type=Connection)


def _by_generation(connections: Iterable[Connection]) -> tuple[Connection, ...]:
    return tuple(sorted(connections, key=lambda connection: connection.generation))


def _cursor_parts(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return 0, ""
    score, _, member = cursor.partition(" ")
    return int(score), member
