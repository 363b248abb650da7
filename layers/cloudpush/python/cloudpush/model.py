"""The nouns: connections, publications and the jobs that travel through the queues.

Everything here is immutable and does no I/O. Times are integers in milliseconds since the
epoch, durations say their unit in their name.
"""

from __future__ import annotations

import enum
import zlib
from typing import Any, Final

import msgspec

SHARDS: Final = 256
"""Into how many parts the set of all connections is divided, each a unit of fan-out."""

CONNECTION_LIFETIME_MS: Final = (2 * 60 + 5) * 60 * 1000
"""API Gateway closes after two hours; five minutes of slack until a row counts as expired."""

TOMBSTONE_LIFETIME_MS: Final = 60 * 60 * 1000
"""How long a forgotten connection is remembered, so that nothing late revives it."""

YOUNG_MS: Final = 30 * 1000
"""Until this age a 410 for a connection means «not open yet», and is tried again."""

MAX_CONNECTIONS_PER_CLIENT: Final = 50
"""How many connections one client may hold at a time under `Policy.MULTI`."""


class Policy(enum.Enum):
    """How many connections a client may hold (parameter `ConnectionPolicy`)."""

    SINGLE = "single"
    """A newer connection replaces the older one, which is told CLOSE 4101."""

    MULTI = "multi"
    """Every connection of the client gets what is addressed to the client."""


class Generation(msgspec.Struct, frozen=True, order=True):
    """The order of a client's connections: by time of connecting, ties by connection id."""

    connected_at_ms: int
    connection_id: str


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One WebSocket as the store knows it."""

    connection_id: str
    """The id that the gateway chose: 16 characters, base64url with one pad."""
    client_id: str
    """Who holds it: the wire's `channelId`."""
    session_id: str
    """Constant during this connection, as the wire shows it."""
    connected_at_ms: int
    """The gateway's `connectedAt`."""
    expires_at_ms: int
    """Written once, at admission; a row past it does not exist for any reader."""
    last_seen_ms: int
    """When the client last sent something, to within a third of the stale limit."""
    is_open: bool = False
    """False while pending: until the first frame, or the first post that succeeds."""

    @property
    def generation(self) -> Generation:
        """Where this connection stands among its client's connections."""
        return Generation(self.connected_at_ms, self.connection_id)

    def is_young(self, now_ms: int) -> bool:
        """Tell whether a 410 means «not open yet» (pending, or less than 30 s old)."""
        return not self.is_open or now_ms - self.connected_at_ms < YOUNG_MS


def shard_of(key: str) -> int:
    """Return the shard, 0 to 255, of a key.

    Each store chooses whether a connection's key is its own id or its client's.
    """
    return zlib.crc32(key.encode()) % SHARDS


class Trigger(enum.IntEnum):
    """How a publication came in (the wire's `trigger`)."""

    HTTP = 1
    WEBSOCKET = 2


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender handed in, before it is addressed to anyone."""

    message_id: str
    """Ours, unique; every attempt to deliver it carries the same one."""
    trigger: Trigger
    sender: str
    """The sender's client id, or `system`."""
    msg: dict[str, Any]
    """The content, any JSON object."""
    request_id: str | None = None
    """The HTTP request that caused it, when there was one."""
    accepted_at_ms: int


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome"):
    """Job: send CONNECTION to a connection whose handshake is about to end, or just did."""

    connection: Connection
    attempt: int = 1


class Delivery(msgspec.Struct, frozen=True, kw_only=True, tag="delivery"):
    """Job: deliver one publication to these connections and to no others."""

    publication: Publication
    connections: list[Connection]
    attempt: int = 1


class FanOut(msgspec.Struct, frozen=True, kw_only=True, tag="fan-out"):
    """Job: deliver one publication to every connection of these shards."""

    publication: Publication
    shards: list[int]
    cursor: str | None = None
    """Where in the first of `shards` to go on; None is its beginning."""
    hop: int = 1
    """How many jobs led to this one; a limit stops a loop."""


class Eviction(msgspec.Struct, frozen=True, kw_only=True, tag="eviction"):
    """Job: tell a connection CLOSE with this code, then delete it."""

    connection: Connection
    close_code: int
    attempt: int = 1


Job = Welcome | Delivery | FanOut | Eviction
