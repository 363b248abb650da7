"""The Java system's routes: `POST /message/send`, `GET /server/get`.

They answer `{success, code, msg, data}`: code "0", or "-1" with a status of 400 or more. Unknown
fields of a body are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import clock, ids, protocol, submitting, wiring
from cloudpush.accepting import MAX_DELAY_MS
from cloudpush.errors import InvalidMessage
from cloudpush.model import Publication, Trigger
from cloudpush.observability import count, count_report
from cloudpush.rights import Scope
from cloudpush.settings import required
from cloudpush.submitting import Submission
from push_routes import answers, guard
from push_routes.answers import Reply
from push_routes.bodies import NAME_LENGTH
from push_routes.describing import CLIENT_ID_PATTERN, add_shape, parameter, takes
from push_routes.describing import answers as describe_answers

if TYPE_CHECKING:
    from collections.abc import Sequence


router = APIRouter()


class SendRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of `POST /message/send`."""

    msg: dict[str, Any]
    """The content, any JSON object."""
    to: str | list[str] | None = None
    """A client id, or a list of at most 1,000."""
    send_to_all: bool | None = None
    """To everybody. With `to` as well the request is refused: one of the two is a mistake."""
    sender: str | None = msgspec.field(default=None, name="from")
    """Who it is from; `system` if nobody is named."""
    delay: float | None = None
    """Seconds from now: 0 is at once, else 1 second to 30 days."""
    request_id: str | None = None
    """The caller's own; else the HTTP request's."""
    qos: Literal[0, 1] = 0
    """1 keeps it for each client until that acknowledges it, or a day is over."""


class ServerAddress(msgspec.Struct, frozen=True):
    """The `data` of `GET /server/get`."""

    address: str
    """A WebSocket URL that can be connected to as it stands."""


_decoder = msgspec.json.Decoder(SendRequest)


@router.post(
    "/message/send",
    dependencies=guard.needs(Scope.PUSH),
    responses=describe_answers({200: Reply}, 413, 429, error=Reply),
    openapi_extra=takes(body=add_shape(SendRequest)),
)
async def send_message(request: Request) -> Response:
    """Push a message to one client, to many, or to all.

    `data` lists the ids without a connection, and is empty for a push to all. That some or all
    are missing is a success. With `qos` 1 or `delay` an id without a connection is not missing:
    missing are those that no client can have.
    """
    wanted = _check(await answers.read(request, _decoder))
    clients = None if wanted.send_to_all else _targets_of(wanted)
    guard.principal_of(request).check_targets(clients)
    guard.take_pushes(request)
    now_ms = clock.now_ms()
    submission = Submission(
        publication=Publication(
            message_id=ids.new_message_id(),
            trigger=Trigger.HTTP,
            sender=guard.sender_of(request, wanted.sender or guard.DEFAULT_SENDER),
            msg=wanted.msg,
            request_id=wanted.request_id or answers.request_id_of(request),
            accepted_at_ms=now_ms,
        ),
        clients=clients,
        qos=wanted.qos,
        due_at_ms=now_ms + round(wanted.delay * 1000) if wanted.delay else None,
    )
    submitted = await submitting.submit(
        submission, mailroom=wiring.current().mailroom, clock=clock.now_ms
    )
    count("Publications")
    count_report(submitted.report, message_id=submitted.message_id)
    return answers.compatible(200, data=submitted.missing)


@router.get(
    "/server/get",
    responses=describe_answers({200: Reply}, error=Reply),
    openapi_extra=takes(
        parameter(
            "channelId",
            "query",
            {"type": "string", "pattern": CLIENT_ID_PATTERN},
            "The client id.",
            is_required=True,
        )
    ),
)
async def get_server(request: Request) -> Response:
    """Return the WebSocket URL that a client connects to, as `data.address`."""
    client_id = protocol.check_client_id(request.query_params.get("channelId"))
    guard.check_is_client(request, client_id, Scope.READ)
    url = required(wiring.current().settings.websocket_url, "WEBSOCKET_URL")
    # Every character of a client id may stand in a query as it is (RFC 3986, section 3.4).
    return answers.compatible(200, data=ServerAddress(f"{url}?channelId={client_id}"))


def _check(wanted: SendRequest) -> SendRequest:
    protocol.check_nesting(wanted.msg)
    if wanted.send_to_all and wanted.to:
        raise InvalidMessage("either to or sendToAll, not both")
    if wanted.delay is not None and wanted.delay < 0:
        raise InvalidMessage("delay must not be negative")
    if wanted.delay and not 1 <= wanted.delay <= MAX_DELAY_MS // 1000:
        raise InvalidMessage(f"delay must be 0, or 1 to {MAX_DELAY_MS // 1000} seconds")
    for name, value in (("from", wanted.sender), ("requestId", wanted.request_id)):
        if value is not None and len(value) > NAME_LENGTH:
            raise InvalidMessage(f"{name} has more than {NAME_LENGTH} characters")
    return wanted


def _targets_of(wanted: SendRequest) -> Sequence[str]:
    if isinstance(wanted.to, str):
        return [wanted.to] if wanted.to else []
    return wanted.to or []
