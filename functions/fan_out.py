"""The fan-out queue: publications to all or to many, and kept messages to a few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, expanding, fanout, wiring
from cloudpush.model import Expansion, FanOut
from cloudpush.observability import count_report

if TYPE_CHECKING:
    from cloudpush.events import LambdaContext
    from cloudpush.model import Job

wiring.prepare("mailroom")


@boundary.performs_jobs
async def handler(job: Job, context: LambdaContext) -> None:
    """Do one job, and hand on what there is no time for."""
    wired = wiring.current()
    if isinstance(job, Expansion):
        report = await expanding.perform(job, mailroom=wired.mailroom, clock=clock.now_ms)
        count_report(report, message_id=job.message_id)
        return
    if not isinstance(job, FanOut):
        raise TypeError(f"not a job for fan_out: {type(job).__name__}")
    await fanout.perform(
        job,
        mailroom=wired.mailroom,
        clock=clock.now_ms,
        remaining_ms=context.get_remaining_time_in_millis,
        report=count_report,
    )
