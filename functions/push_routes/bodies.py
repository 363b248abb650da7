"""The shapes of `/v1`: what comes in is checked by them, and OpenAPI shows them as they are.

Names on the wire are in camel case; times are milliseconds since the epoch. A field that is not
known is an error: a typing mistake in `ttlSeconds` is not to be found out by a lost message.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from cloudpush.accepting import MAX_DELAY_MS
from cloudpush.model import MAX_TTL_MS, MIN_TTL_MS
from cloudpush.rights import MAX_PATTERNS
from cloudpush.targets import MAX_TARGETS

NAME_LENGTH = 128
"""Characters of `from` and of `requestId`, and of a target."""

BATCH_MESSAGES = 100
"""Messages in one batch."""

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)]
Names: TypeAlias = Annotated[list[Name], Meta(min_length=1, max_length=MAX_TARGETS)]
State: TypeAlias = Literal["scheduled", "sending", "paused", "done", "cancelled"]
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class _Request(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """What comes in."""


class _Reply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What goes out; a field that has nothing to say is absent."""


class Target(_Request, frozen=True):
    """Whom a message is for: exactly one of the three."""

    clients: Names | None = None
    """Client ids, counted before duplicates are dropped."""
    channel: str | None = None
    """Not built yet: an error `unsupported`."""
    all: Literal[True] | None = None


class MessageRequest(_Request, frozen=True):
    """The body of `POST /v1/messages`."""

    target: Target
    msg: dict[str, Any]
    """The content, any JSON object."""
    qos: Literal[0, 1] = 0
    """1 keeps it for each client until that acknowledges it, or its time is over."""
    ttl_seconds: Annotated[int, Meta(ge=MIN_TTL_MS // 1000, le=MAX_TTL_MS // 1000)] | None = None
    """How long it is kept from when it is due; a day if nothing is said."""
    delay_seconds: Annotated[int, Meta(ge=1, le=MAX_DELAY_MS // 1000)] | None = None
    deliver_at: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    """When it is due, instead of `delaySeconds`: 1 second to 30 days from now."""
    receipts: Literal["none", "sample", "all"] = "all"
    """Of which recipients the fate is kept."""
    sender: Name = msgspec.field(default="system", name="from")


class BatchRequest(_Request, frozen=True):
    """The body of `POST /v1/messages:batch`; each message is checked by itself."""

    messages: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=BATCH_MESSAGES)]


class StateRequest(_Request, frozen=True):
    """The body of `PATCH /v1/messages/{messageId}`."""

    state: Literal["paused", "sending"]


class DisconnectRequest(_Request, frozen=True):
    """The body of `DELETE /v1/clients/{clientId}`, which may be left out."""

    reason: Annotated[str, Meta(max_length=256)] | None = None
    """What the client is told."""
    not_before: Annotated[int, Meta(ge=0)] | None = None
    """From when on what the client was issued is good: older tokens and tickets are refused."""


class TicketRequest(_Request, frozen=True):
    """The body of `POST /v1/tickets`, which may be left out."""

    client_id: str | None = None
    """Whom it is for; the caller itself if absent."""
    push: Annotated[list[str], Meta(max_length=MAX_PATTERNS)] | None = None
    """Patterns of whom the client may push to; absent: whom the caller may, for itself alone."""


class PresenceRequest(_Request, frozen=True):
    """The body of `POST /v1/presence:query`."""

    clients: Names


class MessageAccepted(_Reply, frozen=True):
    """The answer to `POST /v1/messages`."""

    message_id: str
    missing: list[str]
    """Of `qos` 0 the targets without a connection; of what is kept those that no client can be."""
    accepted: Count | None = None
    """Targets, each once; absent for all."""
    offline: list[str] | None = None
    """Of `qos` 1 the targets whose inbox keeps it for now; absent where nobody looked."""


class Failure(_Reply, frozen=True):
    """What went wrong."""

    code: str
    """Stable."""
    message: str
    """For people."""
    temporary: bool
    """Whether the same request is worth trying again."""
    retry_after_ms: Count | None = None


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to every request under /v1 that failed."""

    error: Failure
    request_id: str


class BatchResult(_Reply, frozen=True):
    """What one message of a batch came to: `status` is what it would have had alone."""

    status: int
    message: MessageAccepted | None = None
    error: Failure | None = None


class BatchReply(_Reply, frozen=True):
    """The answer to `POST /v1/messages:batch`, in the order of the messages."""

    results: list[BatchResult]


class CountsReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many recipients came how far; one that came further is counted on its way too."""

    accepted: Count
    tracked: Count
    """Those of `accepted` whose receipts are kept: of these speak the others."""
    queued: Count
    sent: Count
    delivered: Count
    expired: Count
    rejected: Count
    missing: Count


class Moment(_Reply, frozen=True):
    """When the first and, up to now, the last recipient came into a state."""

    state: str
    first_at: int
    last_at: int


class MessageReply(_Reply, frozen=True):
    """What is known of a message."""

    message_id: str
    state: State
    counts: CountsReply
    timeline: list[Moment]
    accepted_at: int
    due_at: int
    expires_at: int
    qos: Literal[0, 1]
    receipts: Literal["none", "sample", "all"]
    sender: str = msgspec.field(name="from")
    targets: Count | None = None
    """Clients, each once; absent of a push to all."""
    progress: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Of a push to many or all that has begun: which part of the way is done."""


class MessagesReply(_Reply, frozen=True):
    """A page of messages, newest first."""

    messages: list[MessageReply]
    cursor: str | None = None
    """Pass it to go on; absent at the end. A page may be empty and still have one."""


class DeadLetterReply(_Reply, frozen=True):
    """A job that failed too often."""

    record_id: str
    sent_at: int
    """When it was first sent."""
    kind: str | None = None
    """Which job; absent where this version knows no such job."""
    message_id: str | None = None
    """Of which message, where it is one of a message."""
    content: str | None = None
    """The job itself, its first 16,384 characters; only for the scope `admin`."""


class DeadLetterQueueReply(_Reply, frozen=True):
    """What a dead-letter queue holds."""

    name: Literal["jobs", "receipts"]
    waiting: Count
    """About how many."""
    hidden: Count
    """About how many somebody is at: what a redrive took, and left, for a minute."""
    records: list[DeadLetterReply]
    """Up to ten of those that wait, in no order."""


class DeadLettersReply(_Reply, frozen=True):
    """The answer to `GET /v1/dead-letters`."""

    queues: list[DeadLetterQueueReply]


class RedriveReply(_Reply, frozen=True):
    """The answer to `POST /v1/dead-letters/redrive`."""

    redriven: Count
    """Jobs that are in their queues again."""
    left: Count
    """Those that it came upon and can't send again."""


class ReceiptReply(_Reply, frozen=True):
    """What is known of one recipient."""

    client_id: str
    state: Literal["queued", "sent", "delivered", "expired", "rejected", "missing"]
    at: int
    """When it came into this state."""
    sent_at: int | None = None


class ReceiptsReply(_Reply, frozen=True):
    """A page of receipts, in the order of client ids."""

    receipts: list[ReceiptReply]
    cursor: str | None = None
    """Pass it to go on; absent at the end. A page may be empty and still have one."""


class SessionReply(_Reply, frozen=True):
    """One connection of a client."""

    session_id: str
    connection_id: str
    connected_at: int
    last_seen_at: int
    is_open: bool


class InboxReply(_Reply, frozen=True):
    """Where an inbox stands."""

    epoch: str
    last_seq: Count
    """The highest that was assigned."""
    settled_seq: Count
    """Up to here all is over."""
    depth: Count
    """Messages that wait."""
    bytes: Count
    in_flight: Count


class ClientReply(_Reply, frozen=True):
    """What is known of a client."""

    client_id: str
    sessions: list[SessionReply]
    last_seen_at: int | None = None
    """When one of its connections last sent something."""
    inbox: InboxReply | None = None


class DisconnectReply(_Reply, frozen=True):
    """The answer to `DELETE /v1/clients/{clientId}`."""

    client_id: str
    disconnected: Count
    """Connections that were told CLOSE and deleted."""
    pending: Count
    """Connections that a job goes on to close."""
    not_before: Count | None = None
    """From when on what the client was issued is good, where the request revoked something."""


class TicketReply(_Reply, frozen=True):
    """The answer to `POST /v1/tickets`."""

    ticket: str
    """What the client shows; it is told this once."""
    client_id: str
    push: list[str]
    """Patterns of whom the client may push to."""
    expires_at: int


class EntryReply(_Reply, frozen=True):
    """A message in an inbox, without its content."""

    seq: Count
    message_id: str
    sender: str = msgspec.field(name="from")
    accepted_at: int
    expires_at: int
    size: Count


class EntriesReply(_Reply, frozen=True):
    """A page of an inbox, in order."""

    client_id: str
    inbox: InboxReply
    entries: list[EntryReply]
    cursor: str | None = None


class Presence(_Reply, frozen=True):
    """Whether a client is connected."""

    client_id: str
    online: bool
    sessions: Count


class PresenceReply(_Reply, frozen=True):
    """The answer to `POST /v1/presence:query`, in the order of the request, each once."""

    clients: list[Presence]


class BucketReply(_Reply, frozen=True):
    """How many measurements were above the bound before, and not above this one."""

    count: Count
    upper: int | None = None
    """Absent of the last, which has no end."""


class HistogramReply(_Reply, frozen=True):
    """Measurements by size: milliseconds, of `InboxDepth` messages."""

    count: Count
    buckets: list[BucketReply]
    mean: float | None = None


class MinuteReply(_Reply, frozen=True):
    """What was counted in a minute."""

    at: int
    """When it began."""
    counts: dict[str, int]
    """By the name of the metric."""
    online: float | None = None
    """Open connections; absent where nobody looked."""


class StatisticsReply(_Reply, frozen=True):
    """The answer to `GET /v1/statistics`. A ratio of nothing is absent."""

    from_: int = msgspec.field(name="from")
    to: int
    """Not in it."""
    counts: dict[str, int]
    histograms: dict[str, HistogramReply]
    minutes: list[MinuteReply]
    """In order; one without counts is absent."""
    delivery_rate: float | None = None
    """Of the recipients whose fate became known: how many acknowledged."""
    resend_ratio: float | None = None
    """Of the posts of kept messages: how many were repeats."""
    duplicate_ratio: float | None = None
    """Of the copies that were brought to an inbox: how many it had before."""
    online: float | None = None
    """Open connections, on average."""
    cursor: str | None = None
