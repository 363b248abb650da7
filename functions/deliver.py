"""The deliver queue: greet, deliver, close, and look after inboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, performing, wiring
from cloudpush.observability import count_report

if TYPE_CHECKING:
    from cloudpush.events import LambdaContext
    from cloudpush.model import Job

wiring.prepare("mailroom")


@boundary.performs_jobs
async def handler(job: Job, context: LambdaContext) -> None:
    """Do one job."""
    report = await performing.perform(job, mailroom=wiring.current().mailroom, clock=clock.now_ms)
    count_report(report)
