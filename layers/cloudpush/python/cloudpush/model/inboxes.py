"""What waits for a client: its inbox, and where the client stands in it."""

from __future__ import annotations

from typing import Final

import msgspec

from cloudpush.model.messages import MAX_TTL_MS, Publication

INBOX_LIFETIME_MS: Final = MAX_TTL_MS + 24 * 60 * 60 * 1000
"""How long an inbox outlives the last message or connection of its client."""

INBOX_DEPTH: Final = 10_000
INBOX_BYTES: Final = 32 * 1024 * 1024
"""What one inbox holds at most; a message beyond either is rejected."""

WINDOW_MESSAGES: Final = 64
WINDOW_BYTES: Final = 256 * 1024
"""What may be in flight at a time, for one client; one message is always allowed."""


class Position(msgspec.Struct, frozen=True):
    """Where a client says it stands in its inbox; as it came, so perhaps nonsense."""

    epoch: str
    seq: int
    """The last that it processed."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One message in one client's inbox."""

    seq: int
    publication: Publication
    expires_at_ms: int
    is_tracked: bool
    """Whether its receipts are kept."""
    size: int
    """Bytes of the publication as JSON, which is what limits count."""


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt needs to know of an entry."""

    seq: int
    message_id: str
    is_tracked: bool


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """The row of one client's inbox: an ordered log of which a part is retained.

    1 … settled_seq │ settled_seq + 1 … cursor_seq … sent_seq … last_seq │ not assigned yet
    is over         │ retained; up to the cursor it is in flight          │
    """

    client_id: str
    epoch: str
    """The identity of the log: opaque, never empty."""
    last_seq: int = 0
    """The highest that was assigned."""
    settled_seq: int = 0
    """Everything up to here was acknowledged, or expired."""
    sent_seq: int = 0
    """The highest that was ever handed to a writer: no acknowledgement reaches beyond."""
    cursor_seq: int = 0
    """The highest that was handed to a writer in this run; a new run begins at `settled_seq`."""
    depth: int = 0
    """Messages that are retained."""
    bytes: int = 0
    in_flight: int = 0
    """Messages that are retained, up to the cursor."""
    in_flight_bytes: int = 0
    attempt: int = 0
    """How often the first in flight was sent again since the client last acknowledged one."""
    resend_at_ms: int = 0
    """When the inbox wants to be looked after; 0 is never."""
    timer_at_ms: int = 0
    """When the job comes that does it; 0, or a time that is over, is none."""
    next_expiry_ms: int = 0
    """No retained message expires before; 0 is none."""
    owner: str = ""
    """The writer that holds the lease."""
    owned_until_ms: int = 0
    fence: int = 0
    """Grows with every run: what a writer saw of an older run is no longer so."""
    kept_until_ms: int
    """From then on there is no such inbox."""

    @property
    def has_room_for_more(self) -> bool:
        """Tell whether messages wait for a window of which a quarter is free.

        Where a client acknowledges one message at a time, sending the next one for each would cost
        three times as much. What is in flight still is acknowledged or sent again, so more room
        always comes.
        """
        return (
            self.depth > self.in_flight
            and 4 * self.in_flight <= 3 * WINDOW_MESSAGES
            and 4 * self.in_flight_bytes <= 3 * WINDOW_BYTES
        )

    def has_expired(self, now_ms: int) -> bool:
        """Tell whether the time of a retained message may be over."""
        return 0 < self.next_expiry_ms <= now_ms
