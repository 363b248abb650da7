"""Do the jobs of the deliver queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudpush import delivery, draining, greeting
from cloudpush.model import Drain, Welcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudpush.delivery import Report
    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Job


async def perform(
    job: Job,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Report:
    """Do one job.

    Raises:
        ValueError: the job is one for another queue.
        StoreUnavailable, QueueUnavailable: it has to be done again.
    """
    match job:
        case Welcome():
            return await greeting.greet(job, mailroom=mailroom, clock=clock, pause=pause)
        case Drain():
            return await draining.drain(job.client_ids, mailroom=mailroom, clock=clock)
        case _:
            return await delivery.perform(
                job, outlet=mailroom.outlet, budget=mailroom.budget, clock=clock, pause=pause
            )
