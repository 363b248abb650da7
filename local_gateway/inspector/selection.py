"""Which rows somebody wants to see: those that they name, and what came of those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = dict[str, Any]

REMEMBERED: Final = 10_000
"""How many ids are remembered, so that what belongs to them is found. Ours."""

_CAUSES: Final = frozenset({"message", "invocation"})
"""What a post to a connection has in common with others is who sent them, who isn't looked for."""

_LOGGED: Final = 8
"""So many characters of an event's request id stand in front of its lines."""


class Selection:
    """Rows of a connection, of a client, of a route: of all that are given."""

    def __init__(self, *, connection: str | None, client: str | None, route: str | None) -> None:
        """Take the beginning of a connection's id, a value of its query, and a route key."""
        self._connection = connection
        self._client = client
        self._route = route
        self._is_all = connection is None and client is None and route is None
        self._of_client: set[str] = set()
        self._known: dict[str, None] = {}

    def takes(self, row: Row) -> bool:
        """Tell whether a row is wanted; rows come in the order in which things happened."""
        if self._is_all:
            return True
        self._heed_client(row)
        ids = list(_ids_of(row))
        if not self._is_named(row) and not any(each in self._known for each in ids):
            return False
        if row["kind"] in _CAUSES:
            self._known |= dict.fromkeys(ids)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return True

    def _heed_client(self, row: Row) -> None:
        """Note a connection of the client."""
        is_shaking = row["kind"] == "handshake" and self._client is not None
        if is_shaking and self._client in dict(parse_qsl(row["query"])).values():
            self._of_client.add(row["connectionId"])

    def _is_named(self, row: Row) -> bool:
        connection_id: str = row.get("connectionId") or ""
        return (
            (self._connection is None or connection_id.startswith(self._connection))
            and (self._client is None or connection_id in self._of_client)
            and (self._route is None or row.get("route") == self._route)
        )


def _ids_of(row: Row) -> Iterator[str]:
    """Yield what a row has in common with those that caused it, and with those that it caused."""
    if request_id := row.get("requestId"):
        yield request_id
    if lambda_request_id := row.get("lambdaRequestId"):
        yield lambda_request_id[:_LOGGED]
    if trace := row.get("trace"):
        yield trace
    yield from row.get("sentBy", ())
