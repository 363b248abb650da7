"""Look into the dead-letter queues, and give what lies there to its functions again.

A dead letter is a job that its function failed as often as its queue allows. What redrives it is
the order of these steps: sent to the queue that it came from, then deleted here. A crash between
the two leaves it in both, and jobs are idempotent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.errors import JobUnreadable
from cloudpush.jobs import decode_job
from cloudpush.model import Delivery, Expansion, FanOut, Notice
from cloudpush.ports import DeadLetter, DeadLetterCount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Job
    from cloudpush.ports import DeadLetterQueue, JobQueue

MAX_REDRIVEN: Final = 100
"""So many records of each queue are redriven by one call: it ends in time, whatever lies there."""


class Buried(msgspec.Struct, frozen=True, kw_only=True):
    """What a dead-letter queue holds."""

    count: DeadLetterCount
    letters: Sequence[DeadLetter]
    """A few of them, in no order."""


class Redriven(msgspec.Struct, frozen=True, kw_only=True):
    """What a redrive came to."""

    redriven: int = 0
    left: int = 0
    """What it came upon and can't send: no job of this version, or nobody is told of receipts."""


def look_into(queue: DeadLetterQueue) -> Buried:
    """Return how much a queue holds, and some of it.

    Raises:
        QueueUnavailable: it does not answer.
    """
    count = queue.count()
    return Buried(count=count, letters=queue.peek() if count.waiting else ())


def kind_of(letter: DeadLetter) -> tuple[str | None, str | None]:
    """Return what job a letter is, and of which message; None where it does not say."""
    try:
        job = decode_job(letter.body)
    except JobUnreadable:
        return None, None
    kind = str(type(job).__struct_config__.tag)
    match job:
        case FanOut() | Expansion():
            return kind, job.message_id
        case Delivery():
            return kind, job.publication.message_id
        case Notice(receipts=[receipt, *_]):
            return kind, receipt.message_id
        case _:
            return kind, None


def redrive(queue: DeadLetterQueue, *, mailroom: Mailroom) -> Redriven:
    """Send at most `MAX_REDRIVEN` letters to the queues that they came from.

    Raises:
        QueueUnavailable: one of the queues did not answer. Some may have been sent.
    """
    redriven = left = 0
    while redriven + left < MAX_REDRIVEN and (letters := queue.take()):
        sent = _send(letters, _homes(mailroom), mailroom.outlet.jobs)
        if sent:
            queue.drop(sent)
        redriven += len(sent)
        left += len(letters) - len(sent)
    return Redriven(redriven=redriven, left=left)


def _homes(mailroom: Mailroom) -> Mapping[type[Job], JobQueue | None]:
    """Return where jobs go that do not go to the deliver queue; None is nowhere."""
    return {
        FanOut: mailroom.fan_out_jobs,
        Expansion: mailroom.fan_out_jobs,
        Notice: mailroom.notices,
    }


def _send(
    letters: Sequence[DeadLetter], homes: Mapping[type[Job], JobQueue | None], jobs: JobQueue
) -> list[DeadLetter]:
    """Send each letter home; return those that were sent."""
    sent: list[DeadLetter] = []
    for letter in letters:
        try:
            job = decode_job(letter.body)
        except JobUnreadable:
            continue
        home = homes.get(type(job), jobs)
        if home is not None:
            home.send([job])
            sent.append(letter)
    return sent
