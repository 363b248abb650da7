"""The connection store as a model: a few dictionaries, and as plain as the contract.

For tests, and for one process. What the other stores do is compared with this one.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import msgspec

from cloudpush.errors import TooManyConnections
from cloudpush.model import (
    MAX_CONNECTIONS_PER_CLIENT,
    TOMBSTONE_LIFETIME_MS,
    Connection,
    Policy,
    shard_of,
)
from cloudpush.ports import Admission, Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cloudpush.model import Place


class MemoryConnectionStore:
    """`ports.ConnectionStore` in this process's memory. A connection's shard is its own id's.

    It deletes only what is forgotten, so it grows with the number of connections ever admitted.
    """

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS_PER_CLIENT) -> None:
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._connections: dict[str, Connection] = {}
        self._replaced: dict[str, tuple[Connection, ...]] = {}
        self._forgotten_until_ms: dict[str, int] = {}

    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        """See `ports.ConnectionStore.admit`."""
        with self._lock:
            connection_id = connection.connection_id
            if connection.expires_at_ms <= now_ms or self._is_forgotten(connection_id, now_ms):
                return Admission()
            if self._live(connection_id, now_ms) is not None:
                return Admission(replaced=self._replaced[connection_id])
            others = self._connections_of(connection.client_id, now_ms)
            replaced: tuple[Connection, ...] = ()
            if policy is Policy.SINGLE:
                if any(other.generation > connection.generation for other in others):
                    return Admission(is_superseded=True)
                for other in others:
                    self._forget(other.connection_id, now_ms)
                replaced = others
            elif len(others) >= self._max_connections:
                raise TooManyConnections(connection.client_id)
            self._connections[connection_id] = msgspec.structs.replace(connection, is_open=False)
            self._replaced[connection_id] = replaced
            return Admission(replaced=replaced)

    def get(self, connection_id: str, *, now_ms: int) -> Connection | None:
        """See `ports.ConnectionStore.get`."""
        with self._lock:
            return self._live(connection_id, now_ms)

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.touch`."""
        with self._lock:
            found = self._live(connection_id, now_ms)
            if found is None:
                return False
            self._connections[connection_id] = msgspec.structs.replace(
                found, is_open=True, last_seen_ms=max(found.last_seen_ms, now_ms)
            )
            return True

    def confirm(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.confirm`."""
        with self._lock:
            found = self._live(connection_id, now_ms)
            if found is None:
                return False
            self._connections[connection_id] = msgspec.structs.replace(found, is_open=True)
            return True

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.forget`."""
        with self._lock:
            return self._forget(connection_id, now_ms)

    def forget_unseen(self, connection_id: str, *, seen_before_ms: int, now_ms: int) -> bool:
        """See `ports.ConnectionStore.forget_unseen`."""
        with self._lock:
            found = self._live(connection_id, now_ms)
            if found is None or found.last_seen_ms >= seen_before_ms:
                return False
            return self._forget(connection_id, now_ms)

    def resolve(
        self, client_ids: Iterable[str], *, now_ms: int
    ) -> Mapping[str, tuple[Connection, ...]]:
        """See `ports.ConnectionStore.resolve`."""
        with self._lock:
            found = {client_id: self._connections_of(client_id, now_ms) for client_id in client_ids}
            return {client_id: held for client_id, held in found.items() if held}

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> Page:
        """See `ports.ConnectionStore.read_shard`."""
        with self._lock:
            rest = sorted(
                connection_id
                for connection_id in self._connections
                if shard_of(connection_id) == shard
                and self._live(connection_id, now_ms) is not None
                and (cursor is None or connection_id > cursor)
            )
            ids = rest[:limit]
            return Page(
                connections=tuple(self._connections[connection_id] for connection_id in ids),
                cursor=ids[-1] if len(ids) == limit else None,  # as servers, which look no further
            )

    def read_shards(self, places: Sequence[Place], *, limit: int, now_ms: int) -> Sequence[Page]:
        """See `ports.ConnectionStore.read_shards`."""
        return [
            self.read_shard(each.shard, cursor=each.cursor, limit=limit, now_ms=now_ms)
            for each in places
        ]

    def read_stale(
        self, places: Sequence[Place], *, seen_before_ms: int, limit: int = 500, now_ms: int
    ) -> Sequence[Page]:
        """See `ports.ConnectionStore.read_stale`."""
        return [
            Page(
                connections=tuple(
                    connection
                    for connection in page.connections
                    if connection.last_seen_ms < seen_before_ms
                ),
                cursor=page.cursor,
            )
            for page in MemoryConnectionStore.read_shards(self, places, limit=limit, now_ms=now_ms)
        ]

    def count_shards(self, shards: Sequence[int], *, now_ms: int) -> int:
        """See `ports.ConnectionStore.count_shards`."""
        pages = (self.read_shard(each, limit=sys.maxsize, now_ms=now_ms) for each in shards)
        return sum(len(each.connections) for each in pages)

    def ping(self) -> None:
        """See `ports.ConnectionStore.ping`."""

    def _live(self, connection_id: str, now_ms: int) -> Connection | None:
        found = self._connections.get(connection_id)
        return found if found is not None and found.expires_at_ms > now_ms else None

    def _is_forgotten(self, connection_id: str, now_ms: int) -> bool:
        return self._forgotten_until_ms.get(connection_id, 0) > now_ms

    def _connections_of(self, client_id: str, now_ms: int) -> tuple[Connection, ...]:
        held = [
            connection
            for connection in self._connections.values()
            if connection.client_id == client_id and connection.expires_at_ms > now_ms
        ]
        return tuple(sorted(held, key=lambda connection: connection.generation))

    def _forget(self, connection_id: str, now_ms: int) -> bool:
        if self._is_forgotten(connection_id, now_ms):
            return False
        was_there = self._live(connection_id, now_ms) is not None
        self._connections.pop(connection_id, None)
        self._forgotten_until_ms[connection_id] = now_ms + TOMBSTONE_LIFETIME_MS
        return was_there
