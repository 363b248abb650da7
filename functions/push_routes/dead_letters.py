"""`/v1/dead-letters`: the jobs that failed too often, and another try for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import redriving, wiring
from cloudpush.rights import Scope
from push_routes import answers, describing, guard
from push_routes.bodies import (
    DeadLetterQueueReply,
    DeadLetterReply,
    DeadLettersReply,
    RedriveReply,
)

if TYPE_CHECKING:
    from cloudpush.ports import DeadLetter
    from cloudpush.redriving import Buried

router = APIRouter(prefix="/v1")

CONTENT_LENGTH: Final = 16_384
"""Characters of a job that are shown."""


@router.get(
    "/dead-letters",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: DeadLettersReply}),
)
async def get_dead_letters(request: Request) -> Response:
    """Tell how many jobs failed too often, and show up to ten of each queue.

    What they hold, which may be what somebody pushed, is shown to the scope `admin` alone.
    """
    shows_content = Scope.ADMIN in guard.principal_of(request).scopes
    reply = DeadLettersReply(
        queues=[
            _queue_reply(name, redriving.look_into(queue), shows_content=shows_content)
            for name, queue in wiring.current().dead_letters.items()
        ]
    )
    return answers.json(200, reply)


@router.post(
    "/dead-letters/redrive",
    dependencies=guard.needs(Scope.ADMIN),
    responses=describing.answers({200: RedriveReply}),
)
async def redrive_dead_letters() -> Response:
    """Send jobs back to the queues that they came from, up to 100 of each dead-letter queue."""
    wired = wiring.current()
    found = [
        redriving.redrive(queue, mailroom=wired.mailroom) for queue in wired.dead_letters.values()
    ]
    reply = RedriveReply(
        redriven=sum(each.redriven for each in found), left=sum(each.left for each in found)
    )
    return answers.json(200, reply)


def _queue_reply(name: str, buried: Buried, *, shows_content: bool) -> DeadLetterQueueReply:
    return DeadLetterQueueReply(
        name=cast("Any", name),
        waiting=buried.count.waiting,
        hidden=buried.count.hidden,
        records=[_letter_reply(each, shows_content=shows_content) for each in buried.letters],
    )


def _letter_reply(letter: DeadLetter, *, shows_content: bool) -> DeadLetterReply:
    kind, message_id = redriving.kind_of(letter)
    return DeadLetterReply(
        record_id=letter.record_id,
        sent_at=letter.sent_at_ms,
        kind=kind,
        message_id=message_id,
        content=letter.body[:CONTENT_LENGTH] if shows_content else None,
    )
