"""The nouns: connections, publications, what is kept of them, and the jobs in the queues.

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

TARGETS_PER_SHARD: Final = 100
"""So many clients of a list are one shard of its fan-out."""

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


class Position(msgspec.Struct, frozen=True):
    """Where a client says it stands in its inbox; as it came, so perhaps nonsense."""

    epoch: str
    seq: int
    """The last that it processed."""


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome"):
    """Job: send CONNECTION to a connection whose handshake is about to end, or just did."""

    connection: Connection
    position: Position | None = None
    """What the client said on connecting; None if it said nothing that can be a position."""
    attempt: int = 1


class Delivery(msgspec.Struct, frozen=True, kw_only=True, tag="delivery"):
    """Job: deliver one publication to these connections and to no others."""

    publication: Publication
    connections: list[Connection]
    attempt: int = 1
    is_fanned_out: bool = False
    """Whether it is what a fan-out left, and pays for its posts as that does."""
    is_paid: bool = False
    """Whether it has, and waited for its turn."""


class FanOut(msgspec.Struct, frozen=True, kw_only=True, tag="fan-out"):
    """Job: work at the fan-out of a kept publication, on whichever shards are free.

    It names the message and does not carry it, and no shard: what the store says by then decides.
    So a duplicate of it is one more worker, who finds less to do.
    """

    message_id: str
    doublings: int = 0
    """How often the worker may still ask for another one, each of whom may then ask once less."""
    hop: int = 1
    """How many jobs led to this one; a limit stops a loop."""


class Eviction(msgspec.Struct, frozen=True, kw_only=True, tag="eviction"):
    """Job: tell a connection CLOSE with this code, then delete it."""

    connection: Connection
    close_code: int
    reason: str | None = None
    """What the client is told beside the code."""
    attempt: int = 1


class Expansion(msgspec.Struct, frozen=True, kw_only=True, tag="expansion"):
    """Job: bring a kept message to a few targets, in one go.

    It names the message and does not carry it: what the store says of the message by then, that
    it was cancelled or paused, decides.
    """

    message_id: str


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag="drain"):
    """Job: look after inboxes: send what waits, and again what was not acknowledged."""

    client_ids: list[str]
    """Whose; each by itself."""


MIN_TTL_MS: Final = 1000
"""How long a message waits for its target at least."""

MAX_TTL_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How long a message may wait for its target."""

DEFAULT_TTL_MS: Final = 24 * 60 * 60 * 1000
"""How long it waits where its sender says nothing."""

INBOX_LIFETIME_MS: Final = MAX_TTL_MS + 24 * 60 * 60 * 1000
"""How long an inbox outlives the last message or connection of its client."""

RECORD_LIFETIME_MS: Final = 24 * 60 * 60 * 1000
"""How long the record of a message outlives the message."""

INBOX_DEPTH: Final = 10_000
INBOX_BYTES: Final = 32 * 1024 * 1024
"""What one inbox holds at most; a message beyond either is rejected."""

WINDOW_MESSAGES: Final = 64
WINDOW_BYTES: Final = 256 * 1024
"""What may be in flight at a time, for one client; one message is always allowed."""


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


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """Job: tell the sender's receiver how these deliveries ended."""

    receipts: list[Receipt]
    """As the store keeps them; terminal, so none of them ever changes."""


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


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a fan-out is in one shard."""

    shard: int
    cursor: str | None = None
    """Behind the last that was served; None is the beginning."""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What a fan-out came to: in connections where it goes to all, in clients of a list.

    What was repeated after a crash is counted twice.
    """

    sent: int = 0
    waiting: int = 0
    """Those that a job tries again, one by one; what comes of it is not counted here."""
    gone: int = 0
    dropped: int = 0
    untracked: int = 0
    """Recipients of QoS 1 without receipts. All others of QoS 1 are counted by their receipts."""

    @property
    def total(self) -> int:
        """Return how many connections, or clients of a list, a fan-out of QoS 0 has come to."""
        return self.sent + self.waiting + self.gone + self.dropped


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


Job = Welcome | Delivery | FanOut | Eviction | Expansion | Drain | Notice
"""What a queue carries."""
