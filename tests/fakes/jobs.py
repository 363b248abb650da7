"""A job queue in memory that remembers what it took, and can be told to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cloudpush.errors import QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Job


class Sent(NamedTuple):
    """One job as it was handed over."""

    job: Job
    delay_seconds: int = 0


class RecordingJobQueue:
    """A `JobQueue` that takes every job, until `is_down`."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.sent: list[Sent] = []
        """Every job in the order in which it came."""
        self.refused: set[int] = set()
        """Which of its jobs `send_each` does not take, by their place."""
        self.batches: list[int] = []
        """How many jobs came with each `send_each`."""

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Record the jobs, as far as a queue could carry them."""
        if self.is_down:
            raise QueueUnavailable("told to be down")
        for job in jobs:
            msgspec.json.encode(job)
            self.sent.append(Sent(job, delay_seconds))

    def send_each(self, jobs: Sequence[tuple[Job, int]]) -> Sequence[bool]:
        """Record each of these jobs that is taken."""
        self.batches.append(len(jobs))
        taken = [not self.is_down and place not in self.refused for place in range(len(jobs))]
        for is_taken, (job, delay_seconds) in zip(taken, jobs, strict=True):
            if is_taken:
                self.send([job], delay_seconds=delay_seconds)
        return taken

    @property
    def jobs(self) -> list[Job]:
        """The jobs alone."""
        return [each.job for each in self.sent]
