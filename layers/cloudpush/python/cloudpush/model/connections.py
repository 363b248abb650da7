"""Who is connected: connections, and the shards that they are divided into."""

from __future__ import annotations

import enum
import zlib
from typing import Final

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
    takes_batches: bool = False
    """Whether several messages may stand in one frame, as a JSON array (`batch=1` on connect)."""

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
