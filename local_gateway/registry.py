"""The connections that a push can find, by API, stage and connection id."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from local_gateway.api import Stage, WebSocketApi


_REMEMBERED: Final = 1_000
"""Of how many connections that are gone the registry can say since when."""


class OpenConnection(Protocol):
    """What the management API needs of a connection."""

    @property
    def connection_id(self) -> str:
        """Its id."""
        ...

    @property
    def api_id(self) -> str:
        """The API that it was opened on."""
        ...

    @property
    def stage_name(self) -> str:
        """The stage that it was opened on."""
        ...

    @property
    def connected_at(self) -> int:
        """Milliseconds since the epoch."""
        ...

    @property
    def last_active_at(self) -> int:
        """When anything last came or went, in milliseconds since the epoch."""
        ...

    @property
    def source_ip(self) -> str:
        """The client's address."""
        ...

    @property
    def user_agent(self) -> str | None:
        """The client's `User-Agent`, None if it sent none."""
        ...

    @property
    def principal_id(self) -> str | None:
        """Whom the authorizer said that the client is, None where none did."""
        ...

    @property
    def received(self) -> int:
        """How many messages came from the client."""
        ...

    @property
    def sent(self) -> int:
        """How many messages went to it."""
        ...

    @property
    def buffered_bytes(self) -> int:
        """How many bytes the client's machine has not taken yet."""
        ...

    @property
    def unread_bytes(self) -> int:
        """How many bytes of the client's wait to be read."""
        ...

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address and port."""
        ...

    def post(self, data: bytes) -> bool:
        """Send UTF-8 text as one message; False, and nothing sent, if the buffer is full."""
        ...

    def delete(self) -> None:
        """Close the connection, as `DELETE` does."""
        ...

    def on_text(self, text: str) -> None:
        """Handle a message as though the client had sent it."""
        ...

    def go_away(self) -> None:
        """Close the connection with 1001: what it was opened on is there no longer."""
        ...


class Registry:
    """Which connections are open, and which are still connecting. Every call is O(1)."""

    __slots__ = ("_gone", "_open", "_pending")

    def __init__(self) -> None:
        # Ids are unique in a process, so an id finds its connection, which knows its stage:
        # a key of API, stage and id would cost each connection 64 bytes more.
        self._open: dict[str, OpenConnection] = {}
        self._pending: set[str] = set()
        self._gone: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many connections are open."""
        return len(self._open)

    def connections(self) -> list[OpenConnection]:
        """Return those that are open at this moment, the oldest first."""
        return list(self._open.values())

    def reserve(self, connection_id: str) -> None:
        """Note a connection whose `$connect` runs: it exists, and cannot be posted to yet."""
        self._pending.add(connection_id)

    def release(self, connection_id: str) -> None:
        """End what `reserve` began, whether the connection was accepted or not."""
        self._pending.discard(connection_id)

    def is_pending(self, connection_id: str) -> bool:
        """Tell whether the `$connect` of this connection runs."""
        return connection_id in self._pending

    def add(self, connection: OpenConnection) -> None:
        """Let pushes find a connection from now on."""
        self._open[connection.connection_id] = connection

    def remove(self, connection: OpenConnection, now: float) -> None:
        """Let pushes find it no longer, from `now` on; a connection that is gone stays gone."""
        if self._open.pop(connection.connection_id, None) is not None:
            self._gone[connection.connection_id] = now
            if len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)

    def gone_for(self, connection_id: str, now: float) -> float | None:
        """Return for how many seconds a connection has been gone, None if nobody remembers it."""
        gone_at = self._gone.get(connection_id)
        return None if gone_at is None else now - gone_at

    def find(self, api: WebSocketApi, stage: Stage, connection_id: str) -> OpenConnection | None:
        """Return the open connection with this id on this stage, None if there is none."""
        connection = self._open.get(connection_id)
        if connection is None or connection.api_id != api.api_id:
            return None
        return connection if connection.stage_name == stage.name else None
