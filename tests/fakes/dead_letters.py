"""A dead-letter queue in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush.errors import QueueUnavailable
from cloudpush.jobs import encode_job
from cloudpush.ports import DeadLetter, DeadLetterCount
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Job

RECORDS = 10
"""As many as SQS returns at a time."""


class MemoryDeadLetterQueue:
    """`ports.DeadLetterQueue` in a list; what is taken stays hidden."""

    def __init__(self) -> None:
        self.waiting: list[DeadLetter] = []
        self.hidden: list[DeadLetter] = []
        self.is_down = False

    def bury(self, *jobs: Job | str) -> None:
        """Let these jobs, or texts that are none, lie here."""
        for job in jobs:
            number = len(self.waiting) + len(self.hidden)
            self.waiting.append(
                DeadLetter(
                    record_id=f"record-{number}",
                    receipt_handle=f"receipt-{number}",
                    body=job if isinstance(job, str) else encode_job(job),
                    sent_at_ms=NOON_MS,
                )
            )

    def count(self) -> DeadLetterCount:
        """See `ports.DeadLetterQueue.count`."""
        self._answer()
        return DeadLetterCount(waiting=len(self.waiting), hidden=len(self.hidden))

    def peek(self) -> Sequence[DeadLetter]:
        """See `ports.DeadLetterQueue.peek`."""
        self._answer()
        return self.waiting[:RECORDS]

    def take(self) -> Sequence[DeadLetter]:
        """See `ports.DeadLetterQueue.take`."""
        self._answer()
        taken, self.waiting = self.waiting[:RECORDS], self.waiting[RECORDS:]
        self.hidden += taken
        return taken

    def drop(self, letters: Sequence[DeadLetter]) -> None:
        """See `ports.DeadLetterQueue.drop`."""
        self._answer()
        for each in letters:
            self.hidden.remove(each)

    def _answer(self) -> None:
        if self.is_down:
            raise QueueUnavailable("told to be down")
