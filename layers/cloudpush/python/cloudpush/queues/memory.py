"""Jobs in memory, for tests and for a service that is one process."""

from __future__ import annotations

from random import Random  # noqa: TID251 — seeded by the caller: a run can be repeated
from typing import TYPE_CHECKING, Final, NamedTuple

from cloudpush.jobs import decode_job, encode_job
from cloudpush.queues.record import check_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.model import Job

_DUPLICATE_SHARE: Final = 0.25
"""With `duplicates`: how many of the records that are received will be received again."""


class _Record(NamedTuple):
    due_ms: int
    body: str


class MemoryJobQueue:
    """A `JobQueue` that keeps records in a list, and its promises no better than SQS does.

    Args:
        now_ms: the clock by which delays pass.
        duplicates: deliver some records more than once.
        reorders: deliver due records in any order, instead of as they were sent.
        seed: what these two switches draw from.
    """

    def __init__(
        self,
        *,
        now_ms: Callable[[], int],
        duplicates: bool = False,
        reorders: bool = False,
        seed: int = 0,
    ) -> None:
        self._now_ms = now_ms
        self._duplicates = duplicates
        self._reorders = reorders
        self._chance = Random(seed)  # noqa: S311 — picks test cases, not secrets
        self._records: list[_Record] = []

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Keep jobs as the JSON that a real queue would carry."""
        check_delay(delay_seconds)
        due_ms = self._now_ms() + delay_seconds * 1000
        self._records += [_Record(due_ms, encode_job(job)) for job in jobs]

    def send_each(self, jobs: Sequence[tuple[Job, int]]) -> Sequence[bool]:
        """Keep each of these jobs, with its delay."""
        for _, delay_seconds in jobs:
            check_delay(delay_seconds)
        for job, delay_seconds in jobs:
            self.send([job], delay_seconds=delay_seconds)
        return [True] * len(jobs)

    def receive(self, limit: int = 10) -> list[Job]:
        """Take at most `limit` of the jobs that are due; a job that fails is sent again by hand."""
        now_ms = self._now_ms()
        due = [record for record in self._records if record.due_ms <= now_ms]
        if self._reorders:
            self._chance.shuffle(due)
        taken = due[:limit]
        for record in taken:
            if not (self._duplicates and self._chance.random() < _DUPLICATE_SHARE):
                self._records.remove(record)
        return [decode_job(record.body) for record in taken]

    def __len__(self) -> int:
        """Return how many records wait, due or not."""
        return len(self._records)
