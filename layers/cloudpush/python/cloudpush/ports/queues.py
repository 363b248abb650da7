"""Jobs on their way, those that failed, and who is told of receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from cloudpush.model import Job

if TYPE_CHECKING:
    from collections.abc import Sequence


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
