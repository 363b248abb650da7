"""The deliver queue: greet, deliver, and close, one connection or a hundred at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, delivery, wiring
from cloudpush.observability import count_report

if TYPE_CHECKING:
    from cloudpush.events import LambdaContext
    from cloudpush.model import Job

wiring.prepare("outlet")


@boundary.performs_jobs
async def handler(job: Job, context: LambdaContext) -> None:
    """Do one job."""
    report = await delivery.perform(job, outlet=wiring.current().outlet, clock=clock.now_ms)
    count_report(report)
