"""Tell senders how deliveries ended: receipts that are final, to one receiver, in batches.

    receipt recorded ──► Notice ──► copy dropped from its inbox         whoever records (inbox)
                           │
                           ▼
                 queue ──► tell ──► taken                               the function notify
                   ▲         │
                   └─ later ─┘ not taken                                until the queue buries it

A receipt becomes a job after it was recorded, and before the copy that it speaks of is dropped:
a crash in between has the copy met again, and the receipt told again. So each is told at least
once, and a repeat says the same, because a final receipt never changes.

The receiver's pace is its own. It is no part of a delivery, which has ended by then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.errors import QueueUnavailable, ServiceError
from cloudpush.model import Notice
from cloudpush.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.model import Receipt
    from cloudpush.ports import JobQueue, Received, Receiver, RedriveQueue

RECEIPTS_PER_JOB: Final = 100
"""So many receipts, some 25 KB, stand in one job."""

FIRST_PAUSE_SECONDS: Final = 2
LONGEST_PAUSE_SECONDS: Final = 3600
"""How long a job waits after its first failure; it doubles up to this."""

_log = logging.getLogger(__name__)


class ReceiptTold(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How one delivery ended, as the receiver reads it."""

    id: str
    """The same whenever this receipt is told: who has seen it drops the repeat."""
    message_id: str
    """As the answer to the sender named it."""
    client_id: str
    state: str
    """delivered, expired, rejected or missing."""
    at: int
    """When it ended so, in ms since the epoch."""
    sent_at: int | None = None
    """When the gateway first took a post of it, where that is known."""


class ReceiptsTold(msgspec.Struct, frozen=True, kw_only=True):
    """The body that the receiver gets."""

    type: str = "receipts"
    """What the body is; there may be other types one day."""
    receipts: list[ReceiptTold]


_encoder = msgspec.json.Encoder()


def hand_over(receipts: Sequence[Receipt], *, jobs: JobQueue) -> None:
    """Have these receipts told; those that are not final yet are left out.

    Raises:
        QueueUnavailable: some were not taken. The caller fails, and comes again.
    """
    final = [each for each in receipts if each.state.is_terminal]
    jobs.send(
        [
            Notice(receipts=final[start : start + RECEIPTS_PER_JOB])
            for start in range(0, len(final), RECEIPTS_PER_JOB)
        ]
    )


async def notify(
    batch: Sequence[Received],
    *,
    receiver: Receiver,
    queue: RedriveQueue,
    clock: Callable[[], int],
    tally: Tally | None = None,
) -> list[str]:
    """Tell the receipts of a batch in one request; return the ids of the records that failed.

    Raises:
        TypeError: a job is for another queue.
    """
    receipts: list[Receipt] = []
    for each in batch:
        if not isinstance(each.job, Notice):
            raise TypeError(f"not a job for notify: {type(each.job).__name__}")
        receipts += each.job.receipts
    counted = tally or Tally()
    try:
        await receiver.tell(encode(receipts), now_ms=clock())
    except ServiceError as error:
        counted.count("ReceiptsPostponed", len(receipts))
        _log.warning("receipts were not taken: %s", error)
        for each in batch:
            _postpone(each, queue)
        return [each.record_id for each in batch]
    counted.count("ReceiptsTold", len(receipts))
    return []


def encode(receipts: Sequence[Receipt]) -> bytes:
    """Return the body that tells these receipts."""
    return _encoder.encode(
        ReceiptsTold(
            receipts=[
                ReceiptTold(
                    id=f"{each.message_id}/{each.client_id}",
                    message_id=each.message_id,
                    client_id=each.client_id,
                    state=each.state.name.lower(),
                    at=each.at_ms,
                    sent_at=each.sent_at_ms,
                )
                for each in receipts
            ]
        )
    )


def pause_seconds(receive_count: int) -> int:
    """Return how long a job waits that was received so often: 2, 4, 8 seconds, up to an hour."""
    return min(FIRST_PAUSE_SECONDS << min(receive_count - 1, 16), LONGEST_PAUSE_SECONDS)


def _postpone(received: Received, queue: RedriveQueue) -> None:
    try:
        queue.postpone(received, seconds=pause_seconds(received.receive_count))
    except QueueUnavailable:
        # Then it is the queue's own time that it waits, a minute and a half.
        _log.warning("a job was not postponed", exc_info=True)
