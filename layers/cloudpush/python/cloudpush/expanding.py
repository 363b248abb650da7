"""Set a kept message on its way to its targets: in one go where they are few, else by workers.

Every step may be repeated: an inbox that has a message does not take it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import draining, fanout, inbox
from cloudpush.errors import QueueUnavailable
from cloudpush.model import Expansion, MessageState
from cloudpush.outcomes import Report
from cloudpush.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Job, Message

MAX_DELAY_MS: Final = 15 * 60 * 1000
"""The longest that a queue keeps a job back."""


def hand_over(message: Message, *, mailroom: Mailroom, now_ms: int) -> None:
    """Hand a message to the fan-out queue, to be brought to its targets when it is due.

    Raises:
        QueueUnavailable: it was not taken.
        ValueError: it is due later than a queue waits.
    """
    mailroom.fan_out_jobs.send(_jobs_of(message), delay_seconds=_delay_seconds(message, now_ms))


class HandOvers:
    """Hands messages of one caller over together: in as few requests as they take."""

    def __init__(self, mailroom: Mailroom) -> None:
        self._jobs = mailroom.fan_out_jobs
        self._together = Together(self._send)

    async def hand_over(self, message: Message, *, now_ms: int) -> None:
        """Hand a message over, with all for which this is asked in the same turn of the loop.

        Raises:
            QueueUnavailable: this one was not taken.
            ValueError: as `hand_over`.
        """
        delay_seconds = _delay_seconds(message, now_ms)
        jobs = [(each, delay_seconds) for each in _jobs_of(message)]
        if not await self._together.ask(jobs):
            raise QueueUnavailable(f"the fan-out queue did not take {message.message_id}")

    def _send(self, wanted: Sequence[Sequence[tuple[Job, int]]]) -> Sequence[bool]:
        taken = iter(self._jobs.send_each([each for jobs in wanted for each in jobs]))
        return [False not in [next(taken) for _ in jobs] for jobs in wanted]


def _jobs_of(message: Message) -> Sequence[Job]:
    if message.is_fanned_out:
        return fanout.first_jobs(message)
    return [Expansion(message_id=message.message_id)]


def _delay_seconds(message: Message, now_ms: int) -> int:
    return -(-max(0, message.due_at_ms - now_ms) // 1000)


async def perform(job: Expansion, *, mailroom: Mailroom, clock: Callable[[], int]) -> Report:
    """Do one job: nothing, where the message is finished, cancelled or paused.

    Raises:
        StoreUnavailable, QueueUnavailable: the job has to be done again.
    """
    record = mailroom.messages.begin(job.message_id, now_ms=clock())
    if record is None or not record.is_open:
        return Report()
    if record.stage is MessageState.SCHEDULED:  # a queue's clock and ours are not the same
        hand_over(record.message, mailroom=mailroom, now_ms=clock())
        return Report()
    if record.stage is not MessageState.SENDING:
        return Report()
    expanded = await expand(record.message, mailroom=mailroom, clock=clock)
    return expanded.report


class Expanded(msgspec.Struct, frozen=True, kw_only=True):
    """What an expansion came to."""

    report: Report
    """Of the posts that were made."""
    offline: list[str]
    """The clients without a connection."""


async def expand(message: Message, *, mailroom: Mailroom, clock: Callable[[], int]) -> Expanded:
    """Put the copies of a message to a few into their inboxes and send them; it is finished then.

    Raises:
        StoreUnavailable, QueueUnavailable: it has to be done again.
    """
    clients = message.clients or []
    inbox.put(message, clients, mailroom=mailroom, now_ms=clock())
    report, offline = await draining.send(clients, mailroom=mailroom, clock=clock)
    mailroom.messages.finish(message.message_id, now_ms=clock())
    return Expanded(report=report, offline=offline)
