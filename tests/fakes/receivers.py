"""Who is told of receipts, and the queue of what is to be told, in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloudpush.errors import QueueUnavailable
from tests.fakes.jobs import RecordingJobQueue

if TYPE_CHECKING:
    from cloudpush.errors import ServiceError
    from cloudpush.ports import Received


class RecordingReceiver:
    """A `Receiver` that takes every body, but for those that `failures` are left for."""

    def __init__(self, *failures: ServiceError) -> None:
        self.failures = list(failures)
        """Raised one by one, each instead of taking a body."""
        self.bodies: list[bytes] = []

    async def tell(self, body: bytes, *, now_ms: int) -> None:
        """Take a body, or fail."""
        del now_ms
        if self.failures:
            raise self.failures.pop(0)
        self.bodies.append(body)

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt that was taken, in order."""
        return [each for body in self.bodies for each in json.loads(body)["receipts"]]


class RecordingNoticeQueue(RecordingJobQueue):
    """A `NoticeQueue` that remembers what was postponed."""

    def __init__(self) -> None:
        super().__init__()
        self.postponed: list[tuple[str, int]] = []
        """Record ids, and for how many seconds."""

    def postpone(self, received: Received, *, seconds: int) -> None:
        """Remember it."""
        if self.is_down:
            raise QueueUnavailable("told to be down")
        self.postponed.append((received.record_id, seconds))
