"""The schedule, once a minute: silent clients, forgotten inboxes, messages that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, sweeping, wiring
from cloudpush.observability import count, measure

if TYPE_CHECKING:
    from cloudpush.events import LambdaContext
    from cloudpush.outcomes import Report

wiring.prepare("mailroom")


@boundary.answers_schedule
async def handler(context: LambdaContext) -> Report:
    """Sweep every shard, as far as the time suffices. What is late for others comes first."""
    wired = wiring.current()
    for name, look in (
        ("MessagesHandedOver", sweeping.hand_over_messages),
        ("InboxesLookedAfter", sweeping.look_after_inboxes),
    ):
        found = look(
            mailroom=wired.mailroom,
            clock=clock.now_ms,
            remaining_ms=context.get_remaining_time_in_millis,
        )
        count(name, found)
    report = await sweeping.sweep(
        stale_after_ms=wired.settings.stale_after_ms,
        outlet=wired.mailroom.at_a_pace(clock=clock.now_ms).outlet,
        clock=clock.now_ms,
        remaining_ms=context.get_remaining_time_in_millis,
    )
    count("ConnectionsSwept", len(report.sent) + len(report.gone))
    online = sweeping.count_online(
        store=wired.store,
        clock=clock.now_ms,
        remaining_ms=context.get_remaining_time_in_millis,
    )
    if online is not None:
        measure("Online", online)
    return report
