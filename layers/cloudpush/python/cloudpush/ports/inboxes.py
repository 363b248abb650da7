"""What waits for a client, and who may send it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

import msgspec

from cloudpush.model import Copy, Entry, Inbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Place, Publication


class Append(enum.Enum):
    """What `InboxStore.append` made of one client's copy."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"
    """The inbox has it, or had it: nothing changed."""
    FULL = "full"
    """It holds as many messages or bytes as it may: the copy was not taken."""
    EXPIRED = "expired"
    """The message's time was over: the copy was not taken."""


class Grant(enum.Enum):
    """What `InboxStore.claim` answers a writer."""

    ENTRIES = "entries"
    """Here is what to send; the lease is yours."""
    HELD = "held"
    """Another writer has the lease, and will see what waits before it lets go."""
    IDLE = "idle"
    """Nothing is to be sent now: the inbox is empty, or its window is full. The lease is free."""
    EXPIRED = "expired"
    """The next message's time is over: see to that, and claim again. The lease is yours."""
    EXHAUSTED = "exhausted"
    """The last resend was not acknowledged: close the client's connections. The lease is yours."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that a writer is to send."""

    entry: Entry
    after: int | None
    """The client takes it at any position from here on; None is `seq - 1`.

    What lies between was acknowledged or expired, and never comes."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a writer."""

    grant: Grant
    inbox: Inbox | None
    """The row after the claim; None where there is no inbox."""
    outgoing: tuple[Outgoing, ...] = ()
    """In order. Of `Grant.ENTRIES` at least one."""
    timer_delay_ms: int | None = None
    """If not None, no timer job is under way, and the caller has to send one that comes then."""


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """Retained messages of an inbox, by what their receipts need, in order."""

    epoch: str
    """Of the inbox; empty where there is none."""
    copies: tuple[Copy, ...] = ()


class InboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of a shard of inboxes."""

    client_ids: tuple[str, ...]
    cursor: str | None
    """Opaque. None means that the shard is read to its end."""


class InboxStore(Protocol):
    """What waits for each client: a log with a window, and one writer at a time.

    All that a method changes lies with one client and changes in one step. Calls for one client
    are atomic towards each other; those for several, as of `append` and `claim`, are so for each
    client.

    *Sequence.* `seq` counts from 1 without a gap in what was appended. `epoch` is the identity of
    the log: an inbox that is made anew, because it expired or was lost, gets another one, and
    begins again.

    *Lease.* A writer claims under a name of its own, for `lease_ms`. While it has the lease nobody
    else is granted anything. A lease that ran out goes to the next who asks; then a new run begins
    at the first message that is not settled, because nobody knows what the one before it sent.
    `fence` grows with every run. The gateway knows no fence: a writer that outlives its lease may
    still post. It posts only what it was granted, in order, and none of it for the first time
    after a later message was first posted, so a client that goes by `seq` sees an old message
    again and never a gap.

    *Window.* At most 64 messages and 256 KB are in flight; one message is always allowed.

    *Resends.* With the first message in flight, `resend_at_ms` is set. A claim from then on begins
    a new run; the waits are 3, 6, 12, 24 and 48 seconds, with jitter; after the fifth and as long
    a wait again the grant is `EXHAUSTED`. Whatever settles a message begins the waits anew.

    *Who sees to it that nothing is forgotten.* Whoever leaves something in flight leaves
    `resend_at_ms` in the row, in the same step. A job with a delay comes then; where it was lost,
    `read_due` finds the row.

    Every method raises `StoreUnavailable` and `ConfigurationWrong` as `ConnectionStore` does.
    """

    def get(self, client_id: str, *, now_ms: int) -> Inbox | None:
        """Return the row, or None where there is no inbox or it has expired."""
        ...

    def append(
        self,
        client_ids: Sequence[str],
        publication: Publication,
        *,
        tracked: Sequence[bool],
        expires_at_ms: int,
        epoch: str,
        now_ms: int,
    ) -> Sequence[Append]:
        """Put a copy into each of these inboxes; return what became of each, in order.

        Idempotent by message id until `expires_at_ms`, also after the copy was acknowledged: a
        repeat is `DUPLICATE`. A copy that was `FULL` leaves nothing, so it may be taken later.
        `tracked` says of each copy whether its receipts are kept. An inbox that is not there is
        made, with `epoch`.
        """
        ...

    def open(self, client_id: str, *, epoch: str, now_ms: int) -> Inbox:
        """Begin a new run, because a connection came: what is retained is sent from its start.

        Makes the inbox, with `epoch`, if it is not there. Prolongs `kept_until_ms`. Whoever holds
        the lease keeps it, but his fence is old: he sends what the new run begins with.
        """
        ...

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        """Ask what is to be sent next to each of these clients, and for the lease to do it.

        A writer claims again and again until the answer is `IDLE`, which lets go of the lease in
        the step that found nothing. What is handed out counts as sent from this step on, so that
        no acknowledgement of it comes too early. Messages are handed out in order; one whose time
        is over is not handed out.
        """
        ...

    def release(self, client_id: str, *, owner: str, is_unsent: bool = False, now_ms: int) -> bool:
        """Let go of the lease although something may be left. False: it was not `owner`'s.

        With `is_unsent` nothing of what was handed out last was sent: if it was a resend, it does
        not count as one.
        """
        ...

    def park(self, client_id: str, *, owner: str, fence: int, now_ms: int) -> bool:
        """End the run, because the client has no connection: nothing is in flight any more.

        The inbox waits, and nobody need look after it until a message expires or `open` comes.
        Lets go of the lease. False, and nothing happened, if the lease is not `owner`'s or the
        fence is not this one: then `open` came in between, and the writer claims again.
        """
        ...

    def read_sent(
        self,
        client_id: str,
        *,
        through_seq: int | None = None,
        message_ids: Sequence[str] = (),
        limit: int = 500,
        now_ms: int,
    ) -> Copies:
        """Return what an acknowledgement is about: retained messages that were sent.

        Those up to and including `through_seq`, at most `limit`, and those of `message_ids`;
        nothing beyond `sent_seq`.
        """
        ...

    def read_expired(self, client_id: str, *, limit: int = 500, now_ms: int) -> Copies:
        """Return the first retained messages whose time is over (`expires_at_ms <= now_ms`)."""
        ...

    def settle(
        self, client_id: str, *, epoch: str, seqs: Sequence[int], is_progress: bool, now_ms: int
    ) -> Inbox | None:
        """Drop these messages from the log, and move `settled_seq` up to the first retained.

        Comes after their receipts were recorded. Idempotent: what is not retained, or is of
        another epoch, is passed over. The window moves on. With `is_progress`, for what the client
        acknowledged, the waits begin anew if anything was dropped, and `resend_at_ms` is set as
        long as anything is retained. Returns the row, or None where there is no such inbox.
        """
        ...

    def read_entries(
        self, client_id: str, *, after_seq: int = 0, limit: int = 100, now_ms: int
    ) -> Sequence[Entry]:
        """Return retained messages in order, also those whose time is over. Changes nothing."""
        ...

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 500
    ) -> Sequence[InboxPage]:
        """Return clients whose inbox wants to be looked after since before that time.

        That is one whose `resend_at_ms` or `next_expiry_ms` is less; of each of these shards at
        most `limit`. A hint, and may be a second old. The shard is `shard_of(client_id)`. Round
        trips as for `read_shards`.
        """
        ...

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> InboxPage:
        """Return the next clients of a shard that have an inbox, in a stable order."""
        ...

    def read_shards(
        self, places: Sequence[Place], *, limit: int, now_ms: int
    ) -> Sequence[InboxPage]:
        """Return what `read_shard` would for each of these shards, each at most `limit`.

        Together they cost no more round trips than one of them, where the store can do that.
        """
        ...
