"""Greet a connection: CONNECTION, with where its client's inbox stands, and then what waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudpush import delivery, draining, inbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Welcome
    from cloudpush.outcomes import Report


async def greet(
    job: Welcome,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Report:
    """Send CONNECTION as soon as the socket is open, and then what waits in the client's inbox.

    Raises:
        StoreUnavailable, QueueUnavailable: it has to be done again.
    """
    client_id = job.connection.client_id
    resumption = inbox.resume(client_id, job.position, mailroom=mailroom, now_ms=clock())
    report = await delivery.welcome(
        job, resumption=resumption, outlet=mailroom.outlet, clock=clock, pause=pause
    )
    # Also where nothing waited before: whoever appended since then saw a connection that was still
    # pending, and left it to us.
    if report.sent:
        report += await draining.drain(
            [client_id], mailroom=mailroom, clock=clock, has_new_run=True
        )
    return report
