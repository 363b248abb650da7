"""Do the jobs of the deliver queue, of which only a greeting has somebody waiting for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudpush import delivery, draining, greeting
from cloudpush.model import Drain, Eviction, Welcome

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
            paced = mailroom.at_a_pace(clock=clock, pause=pause)
            return await draining.drain(job.client_ids, mailroom=paced, clock=clock)
        case Eviction():
            paced = mailroom.at_a_pace(clock=clock, pause=pause)
            return await delivery.perform(job, outlet=paced.outlet, clock=clock, pause=pause)
        case _:
            return await delivery.perform(
                job, outlet=mailroom.outlet, budget=mailroom.budget, clock=clock, pause=pause
            )
