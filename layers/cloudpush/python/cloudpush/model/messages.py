"""What is sent, and what becomes of it: publications, kept messages and their receipts."""

from __future__ import annotations

import enum
import zlib
from typing import Any, Final

import msgspec

from cloudpush.model.connections import SHARDS

TARGETS_PER_SHARD: Final = 100
"""So many clients of a list are one shard of its fan-out."""

MIN_TTL_MS: Final = 1000
"""How long a message waits for its target at least."""

MAX_TTL_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How long a message may wait for its target."""

DEFAULT_TTL_MS: Final = 24 * 60 * 60 * 1000
"""How long it waits where its sender says nothing."""

RECORD_LIFETIME_MS: Final = 24 * 60 * 60 * 1000
"""How long the record of a message outlives the message."""


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


class Receipts(enum.Enum):
    """Of which recipients the fate is kept."""

    NONE = "none"
    """Of none: the message is done when every inbox has it."""
    SAMPLE = "sample"
    """Of everybody where there are at most 100 targets, else of about one in a hundred."""
    ALL = "all"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A publication that is kept until its fate is known: of QoS 1, for later, or to many."""

    publication: Publication
    clients: list[str] | None
    """The targets, each once; None is all."""
    qos: int = 1
    receipts: Receipts = Receipts.ALL
    due_at_ms: int
    """When it is sent; not after `accepted_at_ms` means at once."""
    expires_at_ms: int
    """From then on no inbox holds it."""

    @property
    def message_id(self) -> str:
        """The publication's."""
        return self.publication.message_id

    @property
    def ends_at_ms(self) -> int:
        """Return until when there is a record of it."""
        return self.expires_at_ms + RECORD_LIFETIME_MS

    @property
    def shards(self) -> int:
        """Return into how many shards its targets are divided, at least 1."""
        if self.clients is None:
            return SHARDS
        return max(1, -(-len(self.clients) // TARGETS_PER_SHARD))

    @property
    def is_fanned_out(self) -> bool:
        """Tell whether workers bring it to its targets, shard by shard."""
        return self.qos == 0 or self.clients is None or len(self.clients) > TARGETS_PER_SHARD

    def is_too_late(self, now_ms: int) -> bool:
        """Tell whether its fan-out ends where it is, because its time is over.

        Of QoS 1 it never does: no inbox takes a copy then, and its recipient's receipt says so.
        """
        return self.qos == 0 and now_ms >= self.expires_at_ms

    def is_tracked(self, client_id: str) -> bool:
        """Tell whether receipts of this recipient are kept; the same answer each time."""
        match self.receipts:
            case Receipts.NONE:
                return False
            case Receipts.ALL:
                return True
            case Receipts.SAMPLE:
                if self.clients is not None and len(self.clients) <= TARGETS_PER_SHARD:
                    return True
                return zlib.crc32(f"{self.message_id} {client_id}".encode()) % 100 == 0


class MessageState(enum.Enum):
    """How far a kept message is."""

    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    """Every target has its copy, and every one that is tracked has come to its end."""
    CANCELLED = "cancelled"


class Listing(enum.Enum):
    """The lists that kept messages stand in, each in one."""

    SCHEDULED = "scheduled"
    """Their time has not come."""
    RUNNING = "running"
    """On their way to many or to all: what can be paused, and cancelled under way."""
    FINISHED = "finished"
    """All others: cancelled, or handed over to every target. Receipts may still come in."""


class ReceiptState(enum.IntEnum):
    """How far one delivery is. It only ever grows, and of the last four the first one stays."""

    QUEUED = 1
    """In the client's inbox."""
    SENT = 2
    """The gateway took a post of it: not a delivery."""
    DELIVERED = 3
    """The client acknowledged it."""
    EXPIRED = 4
    """Its time was over before the client acknowledged it."""
    REJECTED = 5
    """The inbox was full."""
    MISSING = 6
    """No client can have this id."""

    @property
    def is_terminal(self) -> bool:
        """Tell whether nothing can follow."""
        return self >= ReceiptState.DELIVERED

    def may_follow(self, other: ReceiptState | None) -> bool:
        """Tell whether a delivery in the other state, or None, may come to this one."""
        return other is None or (not other.is_terminal and self > other)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one delivery: which message, to whom, how far, and when it got there."""

    message_id: str
    client_id: str
    state: ReceiptState
    at_ms: int
    """When it came into this state."""
    sent_at_ms: int | None = None
    """When the gateway first took a post of it, where that is known."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients came how far. A recipient that came further is counted on its way too.

    accepted = delivered + expired + rejected + missing + those still in an inbox or on the way
    to it, for those that are tracked.
    """

    accepted: int = 0
    """Targets; of a message to all, those that its expansion has come to."""
    tracked: int = 0
    """Those of `accepted` whose receipts are kept: of these speak the numbers below."""
    queued: int = 0
    sent: int = 0
    delivered: int = 0
    expired: int = 0
    rejected: int = 0
    missing: int = 0

    @property
    def settled(self) -> int:
        """Return how many came to their end."""
        return self.delivered + self.expired + self.rejected + self.missing
