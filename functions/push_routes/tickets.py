"""`POST /v1/tickets`: what a client connects with, once, instead of a token in its URL."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import clock, tickets, wiring
from push_routes import answers, describing, guard
from push_routes.bodies import TicketReply, TicketRequest

router = APIRouter(prefix="/v1")

_decoder = msgspec.json.Decoder(TicketRequest)


@router.post(
    "/tickets",
    responses=describing.answers({201: TicketReply}, 413),
    openapi_extra=describing.takes(
        body=describing.reference(TicketRequest), is_body_required=False
    ),
)
async def issue_ticket(request: Request) -> Response:
    """Issue a ticket that lets a client connect once, with `?ticket=`, within a minute.

    A client asks for itself; for another one it takes the scope `admin`. A ticket hands on no right
    to push that the caller does not have.
    """
    principal = guard.principal_of(request)
    wanted = TicketRequest()
    if await request.body():
        wanted = await answers.read(request, _decoder)
    issued = tickets.issue(
        principal,
        client_id=wanted.client_id,
        targets=wanted.push,
        store=wiring.current().access,
        now_ms=clock.now_ms(),
    )
    reply = TicketReply(
        ticket=issued.text,
        client_id=issued.ticket.client_id,
        push=list(issued.ticket.targets),
        expires_at=issued.ticket.expires_at_ms,
    )
    return answers.json(201, reply, {"Cache-Control": "no-store"})
