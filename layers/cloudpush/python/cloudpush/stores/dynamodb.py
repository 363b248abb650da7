"""The connection store on one DynamoDB table (see `dynamodb_items` for what lies in it).

Every state change is one conditional write, or one transaction of conditional writes; a race
that is lost is played again from its first read, a bounded number of times. Requests in the
common case:

    admit            BatchGetItem of 2, then a transaction of 2 and 1 for each it replaces
    get              GetItem
    touch            UpdateItem; the first one of a connection also a transaction of 2
    confirm          GetItem; the first one of a connection also a transaction of 2
    forget           GetItem, then a transaction of 2
    forget_unseen    the same
    resolve          BatchGetItem for each 100 clients
    read_shard       Query; it also reads the shard's tombstones, a quarter of a connection each
    read_stale       the same, eventually consistent at half the price

No scans, no index.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from cloudpush.errors import TooManyConnections
from cloudpush.model import (
    MAX_CONNECTIONS_PER_CLIENT,
    TOMBSTONE_LIFETIME_MS,
    Connection,
    Policy,
)
from cloudpush.ports import Admission, Page
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.dynamodb_errors import ConditionFailed, Conflict
from cloudpush.stores.dynamodb_table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from cloudpush.model import Place
    from cloudpush.stores.dynamodb_items import Item

_Answer = TypeVar("_Answer")

# The clauses of the conditions. A tombstone has no `expires_at_ms` and a connection has no
# `lapses_at_ms`, and a comparison with an attribute that is missing is false.
IS_ABSENT: Final = "attribute_not_exists(#pk)"
IS_LIVE: Final = "#expires_at_ms > :now"
IS_EXPIRED: Final = "#expires_at_ms <= :now"
IS_LAPSED: Final = "#lapses_at_ms <= :now"
IS_OPEN: Final = "#is_open = :true"
IS_NOT_SEEN_LATER: Final = "#last_seen_ms <= :now"
IS_UNSEEN: Final = "#last_seen_ms < :seen_before"
IS_SEEN_AS_READ: Final = "#last_seen_ms = :last_seen_read"
IS_AS_READ: Final = "#version = :version_read"
IS_LISTED: Final = "attribute_exists(#connections.#id)"

NOTHING_IN_FORCE: Final = f"{IS_ABSENT} OR {IS_EXPIRED} OR {IS_LAPSED}"


class DynamoDbConnectionStore:
    """`ports.ConnectionStore` on a client of botocore and the name of a table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        max_connections: int = MAX_CONNECTIONS_PER_CLIENT,
    ) -> None:
        self._max_connections = max_connections
        self._table = Table(client, table_name, sleep=sleep)

    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        """See `ports.ConnectionStore.admit`."""
        if connection.expires_at_ms <= now_ms:
            return Admission()
        pending = msgspec.structs.replace(connection, is_open=False)
        return self._until_won(
            connection.connection_id, lambda: self._admit(pending, policy=policy, now_ms=now_ms)
        )

    def _admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        known, client = self._read_both(connection)
        if items.is_forgotten(known, now_ms):
            return Admission()
        if known is not None and items.live_connection(known, now_ms) is not None:
            return Admission(replaced=items.replaced_in(known))
        others = items.connections_in(client, now_ms)
        replaced: tuple[Connection, ...] = ()
        if policy is Policy.SINGLE:
            if any(other.generation > connection.generation for other in others):
                return Admission(is_superseded=True)
            replaced, others = others, ()
        elif len(others) >= self._max_connections:
            raise TooManyConnections(connection.client_id)
        lapses_at_ms = now_ms + TOMBSTONE_LIFETIME_MS
        self._table.write_together(
            [
                self._table.put_part(
                    items.connection_item(connection, replaced),
                    condition=NOTHING_IN_FORCE,
                    values={":now": items.number(now_ms)},
                ),
                # The fence: whoever changed this client since it was read makes the whole
                # transaction fail, so its other parts need no condition.
                self._client_part(connection.client_id, client, [*others, connection]),
                *(
                    self._table.put_part(
                        items.tombstone_item(other.connection_id, lapses_at_ms=lapses_at_ms)
                    )
                    for other in replaced
                ),
            ]
        )
        return Admission(replaced=replaced)

    def get(self, connection_id: str, *, now_ms: int) -> Connection | None:
        """See `ports.ConnectionStore.get`."""
        item = self._table.get(items.connection_key(connection_id))
        return items.live_connection(item, now_ms)

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.touch`."""
        return self._until_won(connection_id, lambda: self._touch(connection_id, now_ms=now_ms))

    def _touch(self, connection_id: str, *, now_ms: int) -> bool:
        try:
            self._table.update(
                items.connection_key(connection_id),
                update="SET #last_seen_ms = :now",
                condition=f"{IS_LIVE} AND {IS_OPEN} AND {IS_NOT_SEEN_LATER}",
                values={":now": items.number(now_ms), ":true": {"BOOL": True}},
            )
        except ConditionFailed as failed:
            found = items.live_connection(failed.item, now_ms)
        else:
            return True
        if found is None:
            return False
        if not found.is_open:
            self._open(found, last_seen_ms=max(found.last_seen_ms, now_ms), now_ms=now_ms)
        return True  # if it was open, then it was seen later already

    def confirm(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.confirm`."""
        return self._until_won(connection_id, lambda: self._confirm(connection_id, now_ms=now_ms))

    def _confirm(self, connection_id: str, *, now_ms: int) -> bool:
        found = self.get(connection_id, now_ms=now_ms)
        if found is None:
            return False
        if not found.is_open:
            self._open(found, last_seen_ms=found.last_seen_ms, now_ms=now_ms)
        return True

    def _open(self, connection: Connection, *, last_seen_ms: int, now_ms: int) -> None:
        """Open a pending connection, in its own item and in its client's."""
        client_id, connection_id = connection.client_id, connection.connection_id
        opened = {":true": {"BOOL": True}, ":last_seen": items.number(last_seen_ms)}
        self._table.write_together(
            [
                self._table.update_part(
                    items.connection_key(connection_id),
                    update="SET #is_open = :true, #last_seen_ms = :last_seen",
                    # The same `last_seen` as read: it never moves backwards.
                    condition=f"{IS_LIVE} AND {IS_SEEN_AS_READ}",
                    values={
                        **opened,
                        ":now": items.number(now_ms),
                        ":last_seen_read": items.number(connection.last_seen_ms),
                    },
                ),
                self._table.update_part(
                    items.client_key(client_id),
                    update=(
                        "SET #connections.#id.#is_open = :true,"
                        " #connections.#id.#last_seen_ms = :last_seen ADD #version :one"
                    ),
                    condition=IS_LISTED,
                    values={**opened, ":one": items.number(1)},
                    names={"#id": connection_id},
                ),
            ]
        )

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        """See `ports.ConnectionStore.forget`."""
        return self._until_won(connection_id, lambda: self._forget(connection_id, now_ms=now_ms))

    def _forget(self, connection_id: str, *, now_ms: int) -> bool:
        item = self._table.get(items.connection_key(connection_id))
        if items.is_forgotten(item, now_ms):
            return False
        found = items.live_connection(item, now_ms)
        if found is not None:
            self._bury(found, seen_before_ms=None, now_ms=now_ms)
            return True
        try:
            self._table.put(
                items.tombstone_item(connection_id, lapses_at_ms=now_ms + TOMBSTONE_LIFETIME_MS),
                condition=NOTHING_IN_FORCE,
                values={":now": items.number(now_ms)},
            )
        except ConditionFailed as failed:
            raise Conflict(connection_id) from failed  # admitted, or forgotten, since the read
        return False

    def forget_unseen(self, connection_id: str, *, seen_before_ms: int, now_ms: int) -> bool:
        """See `ports.ConnectionStore.forget_unseen`."""

        def forget_unseen() -> bool:
            found = self.get(connection_id, now_ms=now_ms)
            if found is None or found.last_seen_ms >= seen_before_ms:
                return False
            self._bury(found, seen_before_ms=seen_before_ms, now_ms=now_ms)
            return True

        return self._until_won(connection_id, forget_unseen)

    def _bury(self, connection: Connection, *, seen_before_ms: int | None, now_ms: int) -> None:
        """Put a tombstone in the place of a live connection, and take it off its client's map."""
        condition = IS_LIVE
        values = {":now": items.number(now_ms)}
        if seen_before_ms is not None:
            condition = f"{IS_LIVE} AND {IS_UNSEEN}"
            values[":seen_before"] = items.number(seen_before_ms)
        self._table.write_together(
            [
                self._table.put_part(
                    items.tombstone_item(
                        connection.connection_id, lapses_at_ms=now_ms + TOMBSTONE_LIFETIME_MS
                    ),
                    condition=condition,
                    values=values,
                ),
                self._table.update_part(
                    items.client_key(connection.client_id),
                    update="REMOVE #connections.#id ADD #version :one",
                    condition=IS_LISTED,
                    values={":one": items.number(1)},
                    names={"#id": connection.connection_id},
                ),
            ]
        )

    def resolve(
        self, client_ids: Iterable[str], *, now_ms: int
    ) -> Mapping[str, tuple[Connection, ...]]:
        """See `ports.ConnectionStore.resolve`."""
        keys = [items.client_key(client_id) for client_id in dict.fromkeys(client_ids)]
        found = (items.connections_in(item, now_ms) for item in self._table.get_many(keys))
        return {held[0].client_id: held for held in found if held}

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> Page:
        """See `ports.ConnectionStore.read_shard`. The cursor is a connection id."""
        found, last = self._table.query(
            items.shard_partition(shard),
            after=cursor,
            limit=limit,
            condition=IS_LIVE,
            values={":now": items.number(now_ms)},
            is_consistent=True,
        )
        return Page(connections=tuple(items.connection_in(item) for item in found), cursor=last)

    def read_shards(self, places: Sequence[Place], *, limit: int, now_ms: int) -> Sequence[Page]:
        """See `ports.ConnectionStore.read_shards`. It is a Query for each, some side by side."""
        return self._table.side_by_side(
            lambda each: self.read_shard(
                each.shard, cursor=each.cursor, limit=limit, now_ms=now_ms
            ),
            places,
        )

    def read_stale(
        self, places: Sequence[Place], *, seen_before_ms: int, limit: int = 500, now_ms: int
    ) -> Sequence[Page]:
        """See `ports.ConnectionStore.read_stale`. It reads the whole shards to find them."""

        def read(place: Place) -> Page:
            found, last = self._table.query(
                items.shard_partition(place.shard),
                after=place.cursor,
                limit=limit,
                condition=f"{IS_LIVE} AND {IS_UNSEEN}",
                values={":now": items.number(now_ms), ":seen_before": items.number(seen_before_ms)},
                is_consistent=False,
            )
            return Page(connections=tuple(items.connection_in(item) for item in found), cursor=last)

        return self._table.side_by_side(read, places)

    def count_shards(self, shards: Sequence[int], *, now_ms: int) -> int:
        """See `ports.ConnectionStore.count_shards`. It reads all of them, some side by side."""
        counts = self._table.side_by_side(
            lambda shard: self._table.count(
                items.shard_partition(shard),
                condition=IS_LIVE,
                values={":now": items.number(now_ms)},
            ),
            shards,
        )
        return sum(counts)

    def ping(self) -> None:
        """See `ports.ConnectionStore.ping`. It reads an item that is not there."""
        self._table.get({"pk": {"S": "ping"}, "sk": {"S": "ping"}})

    def _read_both(self, connection: Connection) -> tuple[Item | None, Item | None]:
        """Return the items of a connection and of its client."""
        keys = [
            items.connection_key(connection.connection_id),
            items.client_key(connection.client_id),
        ]
        found = {item["pk"]["S"]: item for item in self._table.get_many(keys)}
        known, client = (found.get(key["pk"]["S"]) for key in keys)
        return known, client

    def _client_part(
        self, client_id: str, read: Item | None, connections: Sequence[Connection]
    ) -> TransactWriteItemTypeDef:
        """Return the write of a client's map, which holds only if nobody changed it since."""
        last_ms = max(connection.expires_at_ms for connection in connections)
        written = {
            **items.client_key(client_id),
            "connections": items.map_of(connections),
            "ttl": items.ttl(last_ms),
        }
        if read is None:
            return self._table.put_part(
                {**written, "version": items.number(1)}, condition=IS_ABSENT
            )
        version = int(read["version"]["N"])
        return self._table.put_part(
            {**written, "version": items.number(version + 1)},
            condition=IS_AS_READ,
            values={":version_read": items.number(version)},
        )

    def _until_won(self, connection_id: str, attempt: Callable[[], _Answer]) -> _Answer:
        return self._table.until_won(connection_id, attempt)
