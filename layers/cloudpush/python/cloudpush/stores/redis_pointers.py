"""Whose a connection is, on Redis: the one thing that is known of it by its own id alone.

    {prefix}connection:{CONNECTION_ID}   string   `client:CLIENT_ID`, or `gone:LAPSES_AT_MS`

The first writer wins, an admission or a tombstone, and a pointer to a client never changes. So an
environment remembers those that it read: they cost a round trip once. One that was remembered for
too long leads to a client without that connection, which is what everybody finds who looks there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from cloudpush.model import TOMBSTONE_LIFETIME_MS
from cloudpush.stores.redis_client import read_script, translated_errors

if TYPE_CHECKING:
    from cloudpush.model import Connection
    from cloudpush.stores.redis_client import Client

REMEMBERED: Final = 10_000
"""So many pointers are remembered, about 2 MB; then it begins anew."""

_TO_CLIENT: Final = "client:"
_TO_NOTHING: Final = "gone:"


class Pointers:
    """The pointers of a deployment, as one environment knows them."""

    def __init__(self, client: Client, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._register = read_script(client, "register")
        self._remembered: dict[str, str] = {}

    def admit(self, connection: Connection, *, now_ms: int) -> bool:
        """Point to the connection's client; False if it was forgotten before it came."""
        pointer = self._point(
            connection.connection_id,
            f"{_TO_CLIENT}{connection.client_id}",
            # It outlives the last tombstone that this connection can leave.
            expires_at_ms=connection.expires_at_ms + TOMBSTONE_LIFETIME_MS,
            now_ms=now_ms,
        )
        return not pointer.startswith(_TO_NOTHING)

    def forget(self, connection_id: str, *, lapses_at_ms: int, now_ms: int) -> str | None:
        """Return whose connection it is; if nobody said so yet, make the pointer the tombstone."""
        pointer = self._point(
            connection_id,
            f"{_TO_NOTHING}{lapses_at_ms}",
            expires_at_ms=lapses_at_ms,
            now_ms=now_ms,
        )
        return _client_in(pointer)

    def client_of(self, connection_id: str) -> str | None:
        """Return whose connection it is, or was; None where nobody said so."""
        client_id = self._remembered.get(connection_id)
        if client_id is not None:
            return client_id
        with translated_errors():
            pointer = self._client.get(self._key(connection_id))
        client_id = _client_in(pointer) if pointer is not None else None
        if client_id is not None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[connection_id] = client_id
        return client_id

    def _point(self, connection_id: str, pointer: str, *, expires_at_ms: int, now_ms: int) -> str:
        """Write the pointer unless there is one; return the one that holds."""
        with translated_errors():
            answer = self._register(
                keys=[self._key(connection_id)], args=[pointer, expires_at_ms, now_ms]
            )
        return cast("str", answer)

    def _key(self, connection_id: str) -> str:
        return f"{self._prefix}connection:{{{connection_id}}}"


def _client_in(pointer: str) -> str | None:
    """Return the client id that a pointer names, or None if it is a tombstone."""
    return pointer.removeprefix(_TO_CLIENT) if pointer.startswith(_TO_CLIENT) else None
