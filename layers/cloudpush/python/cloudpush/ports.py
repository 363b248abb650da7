"""What the verbs need from outside, each port stated once, as a contract.

Stores and queues answer in one round trip and are synchronous; posting keeps many requests
in flight and is asynchronous. Every implementation passes the same contract suite
(`tests/contract`). No vendor error leaves an adapter: it raises `StoreUnavailable`,
`QueueUnavailable`, `GatewayUnavailable` or `GatewayRefused`.

Longer than other modules, because the contracts are read together: what one promises is what the
next relies on. In their order: who is connected, what waits for a client, what became of a
message, what a caller repeated, what happened when; then the keys, the queue, the receiver of
receipts and the gateway.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from cloudpush.model import (
    Connection,
    Copy,
    Counts,
    Entry,
    Inbox,
    Job,
    Message,
    MessageState,
    Place,
    Posted,
    Receipt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwt import PyJWK

    from cloudpush.model import Listing, Policy, Publication, ReceiptState


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What `ConnectionStore.admit` did."""

    replaced: tuple[Connection, ...] = ()
    """Under `Policy.SINGLE`: the older connections that lost their place, to be closed 4101,
    oldest generation first. Their `last_seen_ms` may lag, as in `resolve`."""
    is_superseded: bool = False
    """Under `Policy.SINGLE`: a newer connection is there already; close this one with 4101."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of a shard."""

    connections: tuple[Connection, ...]
    cursor: str | None
    """Opaque. Pass it to go on; None means that the shard is read to its end."""


class ConnectionStore(Protocol):
    """Who is connected.

        unknown ── admit ──► pending ── touch, confirm ──► open ── forget ──► forgotten
           │                    └────────── forget, replaced by admit ──────────►  ▲
           └────────────────────────────── forget ─────────────────────────────────┘

    *Forgotten* is a tombstone that stays for an hour: until then nothing revives it, neither an
    `admit` that comes late nor a `touch`. Every read leaves out what is forgotten and what has
    expired (`expires_at_ms <= now_ms`), whatever still lies in storage: an expired connection is
    like one that was never there, to every method.

    Calls are atomic towards each other: what they answer and leave behind is what they would have
    answered and left, had they come one after the other; of `resolve` and of pages this holds for
    each client and each connection by itself. They are idempotent: repeating one
    changes nothing. A repeat answers the same, save `forget` and `forget_unseen`, whose second
    answer is False; so is their first, if the store's own answer was lost on the way.

    The gateway never uses a connection id twice, so all calls of `admit` for one id carry the
    same client, session and times. `now_ms` is the caller's clock. Callers' clocks may differ;
    what has expired for one of them may be gone for all.

    Every method raises `StoreUnavailable` where the store does not answer or is overloaded, and
    `ConfigurationWrong` where it refuses: no such table, no permission, no credentials.
    """

    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        """Store a connection as pending, and apply the policy by generation.

        `MULTI`: beside the client's others. `SINGLE`: every connection of an older generation is
        forgotten, in the same step, and is returned in `replaced`; if one of a newer generation
        is there, nothing changes and `is_superseded` is true. A connection that was forgotten
        already stays forgotten, and one that has expired already is not stored: the call is then
        without effect. Admitting the same connection again neither closes an open one nor moves
        `expires_at_ms`, and returns the same `replaced`, so that a caller that crashed in between
        can still close them. Costs O(connections of this client).

        Raises:
            TooManyConnections: the client holds as many unexpired connections under `MULTI` as the
                store was made for: 50, the most that there can be, or fewer.
        """
        ...

    def get(self, connection_id: str, *, now_ms: int) -> Connection | None:
        """Return a connection, or None if it is unknown, forgotten or expired."""
        ...

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        """Record a sign of life: the connection is open and was last seen now.

        `last_seen_ms` never moves backwards. Returns False, and changes nothing, if the
        connection is unknown, forgotten or expired. Every call may write: who wants to write
        seldom looks at `last_seen_ms` first.
        """
        ...

    def confirm(self, connection_id: str, *, now_ms: int) -> bool:
        """Record that a post succeeded: the connection is open. `last_seen_ms` stays.

        Returns False, and changes nothing, if it is unknown, forgotten or expired.
        """
        ...

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        """Drop this connection, and nothing of the client's others; leave a tombstone.

        Returns whether a connection that a reader could have seen was dropped. For an id that was
        never admitted, or has expired, only the tombstone is left, so that an `admit` that comes
        late has no effect. Forgetting again does not prolong the tombstone.
        """
        ...

    def forget_unseen(self, connection_id: str, *, seen_before_ms: int, now_ms: int) -> bool:
        """Forget the connection if it was last seen before that time, in one atomic step.

        A sign of life that arrives in between keeps it: then False. Of two callers at most one is
        told True. An unknown or expired id gets no tombstone.
        """
        ...

    def resolve(
        self, client_ids: Iterable[str], *, now_ms: int
    ) -> Mapping[str, tuple[Connection, ...]]:
        """Return each client's connections, oldest generation first; one without is absent.

        Costs O(clients) in round trips of 100 or more clients each. `last_seen_ms` may lag here,
        back to the moment of opening or admission, because a sign of life is written to one place
        only; `get`, `read_shard` and `read_stale` show it as it is.
        """
        ...

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> Page:
        """Return the next connections of a shard, in a stable order, at most `limit`.

        The shards 0 to `SHARDS` - 1 divide all connections; into which of them one falls is the
        store's choice and never changes. Read page by page, a connection that is there throughout
        is returned exactly once; one that comes or goes meanwhile at most once. A page may be
        empty and still have a cursor.
        """
        ...

    def read_shards(self, places: Sequence[Place], *, limit: int, now_ms: int) -> Sequence[Page]:
        """Return what `read_shard` would for each of these shards, each at most `limit`.

        Together they cost no more round trips than one of them, where the store can do that.
        """
        ...

    def read_stale(
        self, places: Sequence[Place], *, seen_before_ms: int, limit: int = 500, now_ms: int
    ) -> Sequence[Page]:
        """Return connections last seen before that time, of each of these shards at most `limit`.

        As with `read_shard`, a page may be empty and still have a cursor. This is a hint, and may
        be a second old: `forget_unseen` decides. Round trips as for `read_shards`.
        """
        ...

    def count_shards(self, shards: Sequence[int], *, now_ms: int) -> int:
        """Return how many connections `read_shard` would come to, of all of these shards.

        A hint, a second old at most. Round trips as for `read_shards`.
        """
        ...

    def ping(self) -> None:
        """Prove that the store answers.

        Raises:
            StoreUnavailable: it does not.
        """
        ...


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


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A kept message, and what became of it by now."""

    message: Message
    stage: MessageState
    """As it was set: never `DONE`, which follows from the rest."""
    is_open: bool
    """Whether a target may still be without its copy."""
    counts: Counts
    first_at_ms: dict[str, int]
    """When the first recipient came into a state: its name in lower case -> ms."""
    last_at_ms: dict[str, int]
    """When the last one did, up to now."""
    progress: float | None = None
    """Of a fan-out that has begun: which part of its shards is finished, 0 to 1. No store says."""

    @property
    def state(self) -> MessageState:
        """How far it is. It follows from the counts: no reader sees final ones with another."""
        is_over = not self.is_open and self.counts.settled >= self.counts.tracked
        if self.stage in {MessageState.SENDING, MessageState.PAUSED} and is_over:
            return MessageState.DONE
        return self.stage


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What `MessageStore.record` made of one receipt."""

    receipt: Receipt
    """As it is kept now: the recorded one, or the one that was there and stays."""
    is_news: bool
    """Whether it is the recorded one."""


class ReceiptPage(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of a message's receipts."""

    receipts: tuple[Receipt, ...]
    cursor: str | None
    """Opaque. None means that there are no more."""


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of the messages in a list, the newest first."""

    message_ids: tuple[str, ...]
    cursor: str | None
    """Opaque. None means that there are no more."""


class DueMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message whose expansion is still to be begun, or to be ended."""

    message_id: str
    due_ms: int
    """When somebody is to look at it."""


class DuePage(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of a shard of due messages, the earliest first."""

    due: tuple[DueMessage, ...]
    cursor: str | None


class MessageStore(Protocol):
    """What was accepted, and what became of it: records, receipts, and what is still to be begun.

        scheduled ── begin ──► sending ◄── set_paused ──► paused
            └────── cancel ──► cancelled ◄── cancel, of a fan-out ── sending, paused

    A message and all of its receipts and counts lie together. A record is there until a day after
    the message expires; then `get` returns None and `record` does nothing.

    A message is *open*, and *due*, from its `create` until it is finished: until then `read_due`
    finds it, so that work that died is begun again. It is idempotent.

    Every method raises `StoreUnavailable` and `ConfigurationWrong` as `ConnectionStore` does.
    """

    def create(self, message: Message, *, look_at_ms: int, now_ms: int) -> bool:
        """Store a message, in one step with the time at which `read_due` shows it.

        `scheduled` if it is due later than `now_ms`, else `sending`. Its counts have `accepted`
        and `tracked` from the beginning where its targets are a list. False, and nothing changed,
        if there is a record of this id.
        """
        ...

    def get(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """Return a record, or None if there is none, or it is over."""
        ...

    def begin(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """Take a message whose time has come from `scheduled` to `sending`, and return it.

        Nothing changes if it is not due yet, or is in another stage. None where there is none.
        """
        ...

    def read_stage(self, message_id: str, *, now_ms: int) -> MessageState | None:
        """Return the stage alone: what a worker asks again and again. None as of `get`."""
        ...

    def cancel(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """Take a message from `scheduled` to `cancelled`, so that it is never sent.

        One that is fanned out is cancelled from `sending` and `paused` too, while it is open: who
        has it has it. Else nothing changes. The stage of what is returned tells: it is
        `CANCELLED` also for a repeat. Either `begin` or `cancel` wins, never both.
        """
        ...

    def set_paused(self, message_id: str, *, is_paused: bool, now_ms: int) -> MessageRecord | None:
        """Take a message from `sending` to `paused`, or back; else nothing changes.

        Back to `sending` makes it due at once, if it is open.
        """
        ...

    def record(self, receipts: Sequence[Receipt], *, now_ms: int) -> Sequence[Recorded | None]:
        """Record receipts, of any messages; None where there is no record of the message.

        Monotone and idempotent by message, client and state: what the delivery came to before
        stays. A receipt that is news adds one to the counts of its state, and of each state that
        it passed over on its way: `sent` and `delivered` mean `queued`, `delivered` means `sent`.
        For a message to all, the first receipt of a recipient adds to `accepted` and `tracked`.
        Receipt and counts change in one step; several receipts are steps of their own.
        """
        ...

    def read_receipts(
        self,
        message_id: str,
        *,
        state: ReceiptState | None = None,
        cursor: str | None = None,
        limit: int = 100,
        now_ms: int,
    ) -> ReceiptPage:
        """Return receipts in the order of client ids, as each is now; only those in `state`.

        At most `limit`; a page may be empty and still have a cursor.
        """
        ...

    def read_newest(
        self, listing: Listing | None, *, cursor: str | None = None, limit: int = 100
    ) -> MessagePage:
        """Return messages of a list, or of all three, those first that were accepted last.

        Every step that changes a message moves it between lists as well. A record may be over
        whose message is still named. The costs do not grow with how many there are.
        """
        ...

    def finish(self, message_id: str, *, now_ms: int) -> bool:
        """Record that every target has its copy; False if that was recorded before.

        It is not due any more, in the same step.
        """
        ...

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 100
    ) -> Sequence[DuePage]:
        """Return messages to be looked at before that time, of each shard at most `limit`.

        The shard is `shard_of(message_id)`. Together they cost no more round trips than one of
        them, where the store can do that.
        """
        ...

    def postpone(self, due: DueMessage, *, look_at_ms: int) -> bool:
        """Set when somebody looks again. False if another one did so first, or it is not due."""
        ...


class FanOutClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What `FanOutStore.claim` grants a worker."""

    places: tuple[Place, ...] = ()
    """The shards that are yours, and where to go on in each."""
    is_over: bool = False
    """Every shard is finished."""
    look_again_at_ms: int | None = None
    """Nothing is free, others hold what is open, and nobody looks after them yet: do so then."""


class FanOutStep(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker did since it last saved."""

    held: Sequence[Place] = ()
    """It goes on there, and its leases are prolonged."""
    released: Sequence[Place] = ()
    """It goes on there no more, and somebody else may, at once."""
    finished: Sequence[int] = ()
    """Shards that were read to their end, and never come again."""
    posted: Posted = Posted()


class FanOutProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a fan-out is."""

    open_shards: int
    """Those that are not finished."""
    posted: Posted
    first_at_ms: int | None
    """When the first progress was saved."""
    last_at_ms: int | None


class FanOutStore(Protocol):
    """How far each fan-out is: its shards, who works on them, and what was posted.

        free ── claim ──► leased ── save, finished ──► finished
         ▲                  │ ▲
         └── save, released ┘ └── save, prolonged
         └── the lease ran out

    *Lease.* A worker claims shards under a name of its own, for `lease_ms`; until then nobody else
    is granted them. Every `save` prolongs them. A lease that ran out goes to the next who asks,
    with the place that was saved last, so a worker that dies costs its shards' connections behind
    that place a second post, and nobody his first. A worker that outlived its lease is told by
    `save`, and stops there.

    The record is made by the first `claim`, and is there as long as the message's.

    Every method raises `StoreUnavailable` and `ConfigurationWrong` as `ConnectionStore` does.
    """

    def claim(
        self,
        message: Message,
        *,
        owner: str,
        limit: int,
        lease_ms: int,
        now_ms: int,
    ) -> FanOutClaim:
        """Lease at most `limit` shards that are free, and at least one of them if any is.

        A new record has the message's shards.

        Of several callers that find nothing, one is told `look_again_at_ms`, and the next one only
        when that time has come.
        """
        ...

    def save(
        self,
        message_id: str,
        *,
        owner: str,
        step: FanOutStep,
        lease_ms: int,
        now_ms: int,
    ) -> frozenset[int]:
        """Record how far these shards are, and count what was posted; return those that are held.

        A shard that is no longer `owner`'s is left as it is, and is missing in the answer. The
        posts count all the same: they were made.
        """
        ...

    def get(self, message_id: str, *, now_ms: int) -> FanOutProgress | None:
        """Return how far it is; None before the first claim, and when it is over."""
        ...


class BudgetStore(Protocol):
    """What may be posted that nobody waits for: a ledger that is asked once for each page.

    API Gateway counts connects, messages, posts and calls of the HTTP API of an account together.
    Fan-outs, what is sent again and the sweep keep to a rate below that quota. What is left is the
    reserve of everything else: single pushes, acknowledgements and handshakes ask nobody.

    Every method raises `StoreUnavailable` and `ConfigurationWrong` as `ConnectionStore` does.
    """

    def take(
        self, posts: int, *, rate: int, now_ms: int, longest_wait_ms: int | None = None
    ) -> int:
        """Pay for so many posts; return how many ms their caller has to wait before it makes them.

        What is taken keeps its place: whoever comes later waits longer. At most a tenth of a
        second's posts are made at once after a pause.

        Args:
            posts: how many; fewer than none are given back, because they were not made. Not 0.
            rate: posts a second, where the gateway refuses none.
            now_ms: the caller's clock.
            longest_wait_ms: where they would wait longer, nothing is paid; None is for ever.
        """
        ...

    def slow_down(self, *, now_ms: int) -> None:
        """Halve the rate, at most once a second, because the gateway refused for the quota.

        It comes back by a twentieth of the full rate each second.
        """
        ...


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """What `IdempotencyStore.begin` found."""

    message_id: str
    """The id that the request's message has: the caller's, or that of the first attempt."""
    is_mine: bool
    """Whether the caller is to do it; else it is done, or another one is at it."""
    is_same: bool = True
    """Whether the request is the one that the key was first used for; else nothing was begun."""
    answer: str | None = None
    """The first result, where there is one already."""


class IdempotencyStore(Protocol):
    """Which requests a caller may have repeated: by the caller's key, for 24 hours."""

    def begin(self, key: str, *, fingerprint: str, message_id: str, now_ms: int) -> Repeat:
        """Reserve a key for a request, in one step; of several callers one is told `is_mine`.

        A caller that has not completed after a minute has died: the next one is told `is_mine`,
        with the message id of the first, so that what was done is done again under the same id
        and changes nothing.

        Args:
            key: the caller's own, with who it is.
            fingerprint: of the request's body: a key used for another one is not `is_same`.
            message_id: what the message is called if the key is new.
            now_ms: the caller's clock.
        """
        ...

    def complete(self, key: str, *, answer: str, now_ms: int) -> None:
        """Keep the answer for whoever repeats the request."""
        ...


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in one minute."""

    at_ms: int
    """When it began."""
    counts: dict[str, int]


class StatisticsStore(Protocol):
    """What happened when: counters by name and minute, kept for two days.

    Adding is not idempotent: a repeat counts twice, and a crash counts nothing. What has to be
    exact stands in `MessageStore`.
    """

    def add(self, counts: Mapping[str, int], *, now_ms: int) -> None:
        """Add to counters of this minute, all in one request."""
        ...

    def read(self, *, from_ms: int, to_ms: int) -> Sequence[Minute]:
        """Return the minutes that began in this range, in order; those without counts are absent.

        `from_ms` is in it, `to_ms` is not.
        """
        ...


class SigningKeys(Protocol):
    """What the signatures of tokens are verified with: keys of one algorithm, and of no other."""

    def find(self, key_id: str | None) -> Sequence[PyJWK]:
        """Return the keys that may have signed a token with this `kid`; none is an answer.

        They are fetched when first asked for, and kept for minutes.

        Raises:
            SecretUnavailable, KeysUnavailable, ConfigurationWrong: they could not be fetched.
        """
        ...


class JobQueue(Protocol):
    """A standard queue: at least once, in no order, with delays of whole seconds."""

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Hand over jobs; on return every one of them is stored.

        Any number of jobs of any size up to the queue's limit per record: the adapter batches.
        Each is received at least once, as it was sent, and not before its delay is over.

        Args:
            jobs: what to hand over; none is fine.
            delay_seconds: 0 to 900, for all of them.

        Raises:
            QueueUnavailable: at least one job was not taken. Some may have been: jobs are
                idempotent, so the caller fails as a whole and is tried again.
            PayloadTooLarge: one of them is larger than a record may be; none was sent.
            ValueError: no queue keeps this delay; none was sent.
        """
        ...

    def send_each(self, jobs: Sequence[tuple[Job, int]]) -> Sequence[bool]:
        """Hand over jobs of different callers, each with its delay; tell of each if it is stored.

        What was not taken fails alone. As many requests as of `send`, whatever the delays.

        Raises:
            PayloadTooLarge, ValueError: as `send`; none was sent.
        """
        ...


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A job as a function received it from its queue."""

    job: Job
    record_id: str
    """The queue's own id, by which a failure is reported."""
    receipt_handle: str
    """Names this receiving of the record towards the queue."""
    receive_count: int
    """How often it was received, this time included."""


class RedriveQueue(Protocol):
    """A queue that gives a failed job to its function again, until it is dead.

    What counts and what buries is the queue's own: no job is written anew for another attempt, so
    none is lost or doubled by one.
    """

    def postpone(self, received: Received, *, seconds: int) -> None:
        """Let a job that failed be received again after so long, and not before.

        Raises:
            QueueUnavailable: it was not taken; the job comes again when the queue's own time for
                it is over.
        """
        ...


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that its function failed as often as its queue allows."""

    record_id: str
    """The queue's own id."""
    receipt_handle: str
    """Names this receiving of the record towards the queue."""
    body: str
    """A job, as its queue carried it."""
    sent_at_ms: int
    """When it was first sent, to the queue that it came from."""


class DeadLetterCount(msgspec.Struct, frozen=True, kw_only=True):
    """About how many records a queue has."""

    waiting: int
    hidden: int
    """Those that somebody took and has not dropped yet."""


class DeadLetterQueue(Protocol):
    """Where records lie that nobody tries again by himself.

    Every method raises `QueueUnavailable`.
    """

    def count(self) -> DeadLetterCount:
        """Return about how many there are."""
        ...

    def peek(self) -> Sequence[DeadLetter]:
        """Return up to ten of them, in no order, and leave them where they are."""
        ...

    def take(self) -> Sequence[DeadLetter]:
        """Return up to ten of them, which nobody else is given for a minute; none is the end."""
        ...

    def drop(self, letters: Sequence[DeadLetter]) -> None:
        """Delete some, up to ten, as `take` returned them."""
        ...


class NoticeQueue(JobQueue, RedriveQueue, Protocol):
    """The queue of `Notice`, from both of its ends."""


class Receiver(Protocol):
    """Where the sender is told of receipts."""

    async def tell(self, body: bytes, *, now_ms: int) -> None:
        """Bring a body to the receiver, with proof of who sent it when; on return it has it.

        Raises:
            ReceiverUnavailable: it did not take it, or perhaps it did.
            ReceiverForbidden: its name stands for an address that nothing is sent to.
            ConfigurationWrong, SecretUnavailable: there is nothing to prove by.
        """
        ...


class Outcome(enum.Enum):
    """What the gateway made of one post."""

    SENT = "sent"
    """200: handed to the socket. Not a delivery."""
    GONE = "gone"
    """410: not open yet, or closed."""
    THROTTLED = "throttled"
    """429: this client's buffer is full or, across many, the account's quota is used up."""
    TOO_LARGE = "too_large"
    """413: more than 128 KB."""
    UNAVAILABLE = "unavailable"
    """5xx, a lost or refused connection, or no answer before the deadline."""
    DEFERRED = "deferred"
    """Nothing was sent: there is no room for it in our own budget for now."""
    REFUSED = "refused"
    """400, 403 or another: the id, signature, permission or stage is wrong; the same post fails
    again."""

    @property
    def is_temporary(self) -> bool:
        """Tell whether the same post is worth trying again later."""
        return self not in _FINAL


_FINAL: Final = (Outcome.SENT, Outcome.GONE, Outcome.TOO_LARGE, Outcome.REFUSED)


class Post(msgspec.Struct, frozen=True):
    """One message for one connection."""

    connection_id: str
    data: bytes
    """UTF-8 text, at most 128 KB."""


class ManagementApi(Protocol):
    """`@connections` of one stage."""

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        """Post every one of these, many in flight, and return the outcomes in their order.

        Posts of one call to one connection go out one after the other, in order, whatever the
        outcome of those before. A post is sent again in one case alone: the keep-alive connection
        to the gateway had carried an answer before, and was lost before any byte of this one, so
        the gateway had most likely closed it between the two. A post that has no answer at the
        deadline is `UNAVAILABLE`; it may have arrived. So is the slowest twentieth of a call if the
        others do not wait for it. An id that no connection can have is
        `REFUSED`.

        Raises:
            ConfigurationWrong: there are no credentials to sign with.
            GatewayUnavailable: the credentials could not be refreshed.
        """
        ...

    async def delete_connection(self, connection_id: str) -> Outcome:
        """Close a connection; `SENT` if it was there, `GONE` if not. Raises as a post does."""
        ...
