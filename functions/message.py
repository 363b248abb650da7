"""`$default`: every text that a client sends. Its answer goes back by the route response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, ids, messaging, wiring

if TYPE_CHECKING:
    from cloudpush.events import Frame
    from cloudpush.messaging import Answer

wiring.prepare("mailroom")


@boundary.answers_frame
async def handler(frame: Frame) -> Answer:
    """Do what the text says."""
    wired = wiring.current()
    return await messaging.receive(
        frame.text,
        connection_id=frame.connection_id,
        message_id=ids.new_message_id(),
        principal=wired.principal_in(frame.authorizer),
        stale_after_ms=wired.settings.stale_after_ms,
        limit=wired.message_limit,
        mailroom=wired.mailroom,
        clock=clock.now_ms,
    )
