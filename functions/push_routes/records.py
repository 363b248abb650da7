"""`GET /v1/messages`: the list of messages, how far one is, and who got it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import clock, submitting, wiring
from cloudpush.errors import InvalidMessage, NotFound
from cloudpush.model import Listing, ReceiptState
from cloudpush.rights import Scope
from push_routes import answers, bodies, describing, guard
from push_routes.bodies import (
    CountsReply,
    MessageReply,
    MessagesReply,
    Moment,
    ReceiptReply,
    ReceiptsReply,
)

if TYPE_CHECKING:
    from cloudpush.model import Receipt
    from cloudpush.ports import MessageRecord

router = APIRouter(prefix="/v1")

PAGE: Final = 20
MAX_PAGE: Final = 100
"""Messages in one answer of the list, by default and at most: each is a record to be read."""

_PLACE: Final = re.compile(r"\d{15} [0-9a-f]{32}", re.ASCII)
"""What a cursor of the list stands for."""


@router.get(
    "/messages",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: MessagesReply}),
    openapi_extra=describing.takes(
        describing.parameter(
            "state",
            "query",
            {"type": "string", "enum": [each.value for each in Listing]},
            "Only those whose time has not come, or that are on their way to many or to all, or "
            "the others.",
        ),
        describing.limit(PAGE, MAX_PAGE),
        describing.CURSOR,
    ),
)
async def list_messages(request: Request) -> Response:
    """List the messages of which there is a record, those first that were accepted last.

    What costs is the page, and not how many there are: a look at the lists, and a request or two
    for each message of the page.
    """
    found, cursor = submitting.list_newest(
        _read_listing(request),
        cursor=_read_place(request),
        limit=answers.read_limit(request, PAGE, MAX_PAGE),
        mailroom=wiring.current().mailroom,
        now_ms=clock.now_ms(),
    )
    reply = MessagesReply(
        messages=[reply_of(each) for each in found],
        cursor=answers.write_cursor("messages", cursor),
    )
    return answers.json(200, reply)


@router.get(
    "/messages/{messageId}",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: MessageReply}, 404),
    openapi_extra=describing.takes(describing.MESSAGE_ID),
)
async def get_message(request: Request) -> Response:
    """Tell how far a message is. A push of `qos` 0 to some, for at once, leaves no record."""
    record = submitting.look_up(
        message_id_of(request), mailroom=wiring.current().mailroom, now_ms=clock.now_ms()
    )
    return answers.json(200, reply_of(record))


@router.get(
    "/messages/{messageId}/receipts",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: ReceiptsReply}, 404),
    openapi_extra=describing.takes(
        describing.MESSAGE_ID,
        describing.parameter(
            "state",
            "query",
            {"type": "string", "enum": [each.name.lower() for each in ReceiptState]},
            "Only those that are in this state.",
        ),
        describing.LIMIT,
        describing.CURSOR,
    ),
)
async def get_receipts(request: Request) -> Response:
    """List what became of each recipient, as far as that is kept."""
    message_id = message_id_of(request)
    mailroom, now_ms = wiring.current().mailroom, clock.now_ms()
    state = _read_state(request)
    limit, cursor = answers.read_limit(request), answers.read_cursor(request, "receipts")
    if cursor is not None and len(cursor) > bodies.NAME_LENGTH:
        raise InvalidMessage("cursor is not one of this list")
    submitting.look_up(message_id, mailroom=mailroom, now_ms=now_ms)
    page = mailroom.messages.read_receipts(
        message_id, state=state, cursor=cursor, limit=limit, now_ms=now_ms
    )
    reply = ReceiptsReply(
        receipts=[_receipt_reply(each) for each in page.receipts],
        cursor=answers.write_cursor("receipts", page.cursor),
    )
    return answers.json(200, reply)


def message_id_of(request: Request) -> str:
    """Return the message id of a request's path.

    Raises:
        NotFound: no message has such an id.
    """
    message_id: str = request.path_params["messageId"]
    if len(message_id) > bodies.NAME_LENGTH:
        raise NotFound("there is no such message")
    return message_id


def _read_listing(request: Request) -> Listing | None:
    text = request.query_params.get("state")
    names = [each.value for each in Listing]
    if text is not None and text not in names:
        raise InvalidMessage(f"state must be one of {', '.join(names)}")
    return None if text is None else Listing(text)


def _read_place(request: Request) -> str | None:
    place = answers.read_cursor(request, "messages")
    if place is not None and not _PLACE.fullmatch(place):
        raise InvalidMessage("cursor is not one of this list")
    return place


def _read_state(request: Request) -> ReceiptState | None:
    text = request.query_params.get("state")
    if text is None:
        return None
    names = {each.name.lower(): each for each in ReceiptState}
    if text not in names:
        raise InvalidMessage(f"state must be one of {', '.join(names)}")
    return names[text]


def reply_of(record: MessageRecord) -> MessageReply:
    """Return what is told of a message."""
    message, counts = record.message, record.counts
    accepted_at_ms = message.publication.accepted_at_ms
    moments = [
        Moment(state=state, first_at=first_at_ms, last_at=record.last_at_ms[state])
        for state, first_at_ms in sorted(record.first_at_ms.items(), key=_by_time_and_progress)
    ]
    return MessageReply(
        message_id=message.message_id,
        state=record.state.value,
        counts=CountsReply(**msgspec.structs.asdict(counts)),
        timeline=[
            Moment(state="accepted", first_at=accepted_at_ms, last_at=accepted_at_ms),
            *moments,
        ],
        accepted_at=accepted_at_ms,
        due_at=message.due_at_ms,
        expires_at=message.expires_at_ms,
        qos=cast("Any", message.qos),
        receipts=message.receipts.value,
        sender=message.publication.sender,
        targets=None if message.clients is None else len(message.clients),
        progress=record.progress,
    )


def _by_time_and_progress(moment: tuple[str, int]) -> tuple[int, int]:
    state, at_ms = moment
    return at_ms, ReceiptState[state.upper()]


def _receipt_reply(receipt: Receipt) -> ReceiptReply:
    return ReceiptReply(
        client_id=receipt.client_id,
        state=cast("Any", receipt.state.name.lower()),
        at=receipt.at_ms,
        sent_at=receipt.sent_at_ms,
    )
