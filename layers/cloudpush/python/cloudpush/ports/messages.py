"""What became of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from cloudpush.model import Counts, Message, MessageState, Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Listing, Place, ReceiptState


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
    look_at_ms: int
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
        """Take an open message from `sending` to `paused`, or any one back; else nothing changes.

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
