"""Do the jobs of the deliver queue, of which only a greeting has somebody waiting for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import delivery, draining, greeting
from cloudpush.model import Delivery, Drain, Eviction, MessageState, Welcome
from cloudpush.outcomes import Report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Job

PAUSED_SECONDS: Final = 30
"""So often what a paused push left to be tried again looks whether that goes on."""


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
        case Delivery(is_fanned_out=True) if _is_stopped(job, mailroom, clock()):
            return Report()
        case _:
            return await delivery.perform(
                job, outlet=mailroom.outlet, budget=mailroom.budget, clock=clock, pause=pause
            )


def _is_stopped(job: Delivery, mailroom: Mailroom, now_ms: int) -> bool:
    """Tell whether the push that left this was cancelled, is over or paused; then it waits.

    A push to one has no record, and nobody stops it.
    """
    stage = mailroom.messages.read_stage(job.publication.message_id, now_ms=now_ms)
    if stage is MessageState.SENDING:  # also when every shard is finished
        return False
    if stage is MessageState.PAUSED:
        waiting = msgspec.structs.replace(job, is_paid=False)
        mailroom.outlet.jobs.send([waiting], delay_seconds=PAUSED_SECONDS)
    if job.is_paid and mailroom.budget is not None:
        mailroom.budget.pay(-len(job.connections), now_ms=now_ms)
    return True
