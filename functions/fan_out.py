"""The fan-out queue: publications to all, a range of shards at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, fanout, wiring
from cloudpush.model import FanOut
from cloudpush.observability import count_report

if TYPE_CHECKING:
    from cloudpush.events import LambdaContext
    from cloudpush.model import Job

wiring.prepare("outlet", "fan_out_queue")


@boundary.performs_jobs
async def handler(job: Job, context: LambdaContext) -> None:
    """Do one job, and hand on what there is no time for."""
    if not isinstance(job, FanOut):
        raise TypeError(f"not a job for fan_out: {type(job).__name__}")
    wired = wiring.current()
    await fanout.fan_out(
        job,
        outlet=wired.outlet,
        jobs=wired.fan_out_queue,
        clock=clock.now_ms,
        remaining_ms=context.get_remaining_time_in_millis,
        report=count_report,
    )
