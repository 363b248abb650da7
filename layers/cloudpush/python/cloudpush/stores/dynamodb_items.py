"""The items of the DynamoDB table: keys, rows and what stands in them.

One table, partition key `pk` and sort key `sk`, both strings, TTL attribute `ttl`.

    pk          sk              what
    shard#017   CONNECTION_ID   one connection, or its tombstone; the shard is that of its own id
    client#ID   client          one client: the map of its connections, and the map's version

A connection's item is found by its id alone, in one read, and is the truth about it. The client's
item repeats what a push needs, so that 100 clients cost one BatchGetItem. It holds at most the 50
connections that a client may have and those that expired since the last admission: about 300
bytes each. It outlives its last connection, empty, so that its version never starts again while
anyone may still hold an older one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cloudpush.model import Connection, shard_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Item = dict[str, Any]
"""An item, or a part of one, as the low-level API shows it: name to `{"S": …}`."""

TTL_SLACK_SECONDS: Final = 60 * 60
"""Storage is freed this long after the last moment at which the item can matter."""


def connection_key(connection_id: str) -> Item:
    """Return the key of a connection, also of a tombstone."""
    return {"pk": {"S": shard_partition(shard_of(connection_id))}, "sk": {"S": connection_id}}


def client_key(client_id: str) -> Item:
    """Return the key of a client."""
    return {"pk": {"S": f"client#{client_id}"}, "sk": {"S": "client"}}


def shard_partition(shard: int) -> str:
    """Return the partition key that all connections of a shard share."""
    return f"shard#{shard:03}"


def message_key(message_id: str, name: str) -> Item:
    """Return the key of one of a message's items."""
    return {"pk": {"S": message_partition(message_id)}, "sk": {"S": name}}


def message_partition(message_id: str) -> str:
    """Return the partition key that all items of a message share."""
    return f"message#{message_id}"


def number(value: int) -> Item:
    """Return a number as an attribute value."""
    return {"N": str(value)}


def ttl(last_ms: int) -> Item:
    """Return the TTL of an item that can matter until then. Seconds, as DynamoDB wants them."""
    return number(last_ms // 1000 + TTL_SLACK_SECONDS)


def row_of(connection: Connection) -> Item:
    """Return a connection's attributes, without keys."""
    return {
        "connection_id": {"S": connection.connection_id},
        "client_id": {"S": connection.client_id},
        "session_id": {"S": connection.session_id},
        "connected_at_ms": number(connection.connected_at_ms),
        "expires_at_ms": number(connection.expires_at_ms),
        "last_seen_ms": number(connection.last_seen_ms),
        "is_open": {"BOOL": connection.is_open},
        "takes_batches": {"BOOL": connection.takes_batches},
    }


def connection_in(row: Mapping[str, Any]) -> Connection:
    """Read `row_of` back, from an item or from a part of one."""
    return Connection(
        connection_id=row["connection_id"]["S"],
        client_id=row["client_id"]["S"],
        session_id=row["session_id"]["S"],
        connected_at_ms=int(row["connected_at_ms"]["N"]),
        expires_at_ms=int(row["expires_at_ms"]["N"]),
        last_seen_ms=int(row["last_seen_ms"]["N"]),
        is_open=row["is_open"]["BOOL"],
        takes_batches=row.get("takes_batches", {}).get("BOOL", False),
    )


def connection_item(connection: Connection, replaced: Sequence[Connection]) -> Item:
    """Return the item of a connection, with those that it replaced, to answer a repeat."""
    return {
        **connection_key(connection.connection_id),
        **row_of(connection),
        "replaced": {"L": [{"M": row_of(other)} for other in replaced]},
        "ttl": ttl(connection.expires_at_ms),
    }


def tombstone_item(connection_id: str, *, lapses_at_ms: int) -> Item:
    """Return what is left of a connection: no `expires_at_ms`, so no condition finds it live."""
    return {
        **connection_key(connection_id),
        "lapses_at_ms": number(lapses_at_ms),
        "ttl": ttl(lapses_at_ms),
    }


def live_connection(item: Mapping[str, Any] | None, now_ms: int) -> Connection | None:
    """Return the connection of an item, or None if it is missing, a tombstone or expired."""
    if item is None or "expires_at_ms" not in item or int(item["expires_at_ms"]["N"]) <= now_ms:
        return None
    return connection_in(item)


def is_forgotten(item: Mapping[str, Any] | None, now_ms: int) -> bool:
    """Tell whether an item is a tombstone in force."""
    return item is not None and "lapses_at_ms" in item and int(item["lapses_at_ms"]["N"]) > now_ms


def replaced_in(item: Mapping[str, Any]) -> tuple[Connection, ...]:
    """Return the connections that this one replaced when it was admitted."""
    return tuple(connection_in(part["M"]) for part in item["replaced"]["L"])


def map_of(connections: Iterable[Connection]) -> Item:
    """Return a client's map of connections as an attribute value."""
    return {
        "M": {connection.connection_id: {"M": row_of(connection)} for connection in connections}
    }


def connections_in(item: Mapping[str, Any] | None, now_ms: int) -> tuple[Connection, ...]:
    """Return a client's unexpired connections, oldest generation first."""
    if item is None:
        return ()
    held = (connection_in(part["M"]) for part in item["connections"]["M"].values())
    return tuple(
        sorted(
            (connection for connection in held if connection.expires_at_ms > now_ms),
            key=lambda connection: connection.generation,
        )
    )
