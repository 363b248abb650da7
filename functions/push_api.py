"""The HTTP API: `POST /message/send`, `GET /server/get`, `GET /health`, `/docs`, the test page.

The routes of the Java system, with its `{success, code, msg, data}`: code "0", or "-1" with a
status of 400 or more, for every error there is, also for one that the framework found. Bodies are
read as a client's texts are: strict JSON, by msgspec, unknown fields ignored.

`/docs` is FastAPI's page, which loads Swagger UI from a CDN; `/openapi.json` needs nothing.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from mangum import Mangum
from mangum.handlers import HTTPGateway
from starlette.exceptions import HTTPException

from cloudpush import accepting, boundary, clock, events, ids, protocol, publishing, wiring
from cloudpush.errors import CloudpushError, InvalidMessage, Unsupported
from cloudpush.model import Publication, Trigger
from cloudpush.observability import count, count_report, invocation
from cloudpush.settings import required

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mangum.types import Scope

    from cloudpush.events import Event, LambdaContext

NAME_LENGTH: Final = 128
"""Characters of `from` and of `requestId`."""

_TEST_PAGE: Final = Path(__file__).with_name("test_page.html")
_TEST_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    # The icon is an empty data URL, lest the browser ask for /favicon.ico.
    "img-src data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


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
    """Seconds. Delayed push is not available yet: only 0, at once."""
    request_id: str | None = None
    """The caller's own; else the HTTP request's."""
    qos: Literal[0, 1] = 0
    """1 keeps it for each client until that acknowledges it, or a day is over."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the compatible routes answer."""

    success: bool
    code: str
    msg: str
    data: Any = None


class ServerAddress(msgspec.Struct, frozen=True):
    """The `data` of `GET /server/get`."""

    address: str
    """A WebSocket URL that can be connected to as it stands."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /health` answers."""

    status: str
    """`up` or `down`."""
    store: str
    """Which store was asked."""


wiring.prepare("mailroom")

_decoder = msgspec.json.Decoder(SendRequest)
_schemas = msgspec.json.schema_components((SendRequest, Reply, Health), ref_template="{name}")[1]

app = FastAPI(
    title="cloudpush",
    summary="Push messages to WebSocket clients by client id.",
    redoc_url=None,
)


def _describe(model: str, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of answers that all have this shape."""
    content = {"application/json": {"schema": _schemas[model]}}
    return {
        status: {"description": "success" if status < 400 else "error", "content": content}  # noqa: PLR2004 — HTTP
        for status in statuses
    }


@app.post(
    "/message/send",
    responses=_describe("Reply", 200, 400, 413, 500, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _schemas["SendRequest"]}},
        }
    },
)
async def send_message(request: Request) -> Response:
    """Push a message to one client, to many, or to all.

    `data` lists the ids without a connection, and is empty for a push to all. That some or all
    are missing is a success. With `qos` 1 an id without a connection is not missing: its inbox
    keeps the message. Missing are those that no client can have.
    """
    wanted = _read_send_request(await request.body())
    publication = Publication(
        message_id=ids.new_message_id(),
        trigger=Trigger.HTTP,
        sender=wanted.sender or "system",
        msg=wanted.msg,
        request_id=wanted.request_id or _request_id_of(request),
        accepted_at_ms=clock.now_ms(),
    )
    wired = wiring.current()
    if wanted.qos:
        message = accepting.new_message(
            publication, None if wanted.send_to_all else _targets_of(wanted)
        )
        accepted = await accepting.accept(message, mailroom=wired.mailroom, clock=clock.now_ms)
        count("Publications")
        count_report(accepted.report, message_id=publication.message_id)
        return _reply(200, data=accepted.missing)
    if wanted.send_to_all:
        publishing.publish_to_all(publication, jobs=wired.fan_out_queue)
        count("Publications")
        return _reply(200, data=[])
    published = await publishing.publish(
        publication, _targets_of(wanted), outlet=wired.outlet, clock=clock.now_ms
    )
    count("Publications")
    count_report(published.report, message_id=publication.message_id)
    return _reply(200, data=published.missing)


@app.get(
    "/server/get",
    responses=_describe("Reply", 200, 400, 500),
    openapi_extra={
        "parameters": [
            {
                "name": "channelId",
                "in": "query",
                "required": True,
                "description": "The client id.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:@-]{1,128}$"},
            }
        ]
    },
)
async def get_server(request: Request) -> Response:
    """Return the WebSocket URL that a client connects to, as `data.address`."""
    client_id = protocol.check_client_id(request.query_params.get("channelId"))
    url = required(wiring.current().settings.websocket_url, "WEBSOCKET_URL")
    # Every character of a client id may stand in a query as it is (RFC 3986, section 3.4).
    return _reply(200, data=ServerAddress(f"{url}?channelId={client_id}"))


@app.get("/health", responses=_describe("Health", 200, 503))
async def get_health() -> Response:
    """Tell whether the connection store answers: 200, else 503."""
    wired = wiring.current()
    try:
        wired.store.ping()
    except CloudpushError as error:
        boundary.status_of(error)
        return _json(503, Health(status="down", store=wired.settings.store))
    return _json(200, Health(status="up", store=wired.settings.store))


@app.get("/", include_in_schema=False)
async def get_test_page() -> Response:
    """Return the test page where the deployment has one (TEST_PAGE)."""
    if not wiring.current().settings.has_test_page:
        raise HTTPException(404)
    headers = {"Content-Security-Policy": _TEST_PAGE_POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(_TEST_PAGE.read_bytes(), headers=headers)


@app.exception_handler(CloudpushError)
async def answer_our_error(request: Request, error: CloudpushError) -> Response:
    """Answer an error of ours: status and text as `boundary` says."""
    return _reply(boundary.status_of(error), text=boundary.text_of(error))


@app.exception_handler(HTTPException)
async def answer_framework_error(request: Request, error: HTTPException) -> Response:
    """Answer what the router found: no such path, no such method."""
    return _reply(error.status_code, text=error.detail, headers=error.headers)


@app.exception_handler(Exception)
async def answer_unknown_error(request: Request, error: Exception) -> Response:
    """Answer a fault of ours without telling which; Mangum logs it with its traceback."""
    return _reply(500, text="the service failed")


class _HttpRequest(HTTPGateway):
    """Mangum's reader of events, for every `Host` that a client may send.

    Mangum takes `Host` apart at its colon to tell the application its server, and fails on
    `[::1]:3000`, `host:` and `a:b:c`. Our server is the API's own domain, whatever the client says.
    """

    @property
    def scope(self) -> Scope:
        """Return the ASGI scope; the application finds `Host` among the headers, as it came."""
        headers: dict[str, str] = dict(self.event["headers"])
        host = headers.pop("host", None)
        scope = HTTPGateway({**self.event, "headers": headers}, self.context, self.config).scope
        if host is not None:
            scope["headers"].append([b"host", host.encode()])
        scope["server"] = (self.event["requestContext"]["domainName"], 443)
        return scope


@functools.cache
def _serve() -> Mangum:
    # Made with the first request: it takes the thread's current loop, or makes one on import.
    # Mangum's own classes do not fit its Protocol either, whose __init__ takes anything.
    return Mangum(app, lifespan="off", custom_handlers=[cast("Any", _HttpRequest)])


def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Serve one request of the HTTP API, payload format 2.0."""
    boundary.event_loop()
    with invocation(request_id=events.read_http_request_id(event)):
        try:
            return _serve()(dict(event), cast("Any", context))
        except UnicodeEncodeError:
            # Mangum reads body and query before there is a request; errors of routes stay in it.
            reply = Reply(success=False, code="-1", msg="not Unicode text")
            return {
                "statusCode": 400,
                "headers": {"content-type": "application/json"},
                "body": msgspec.json.encode(reply).decode(),
                "isBase64Encoded": False,
            }


def _read_send_request(body: bytes) -> SendRequest:
    wanted = protocol.decode_json(body, _decoder)
    protocol.check_nesting(wanted.msg)
    if wanted.send_to_all and wanted.to:
        raise InvalidMessage("either to or sendToAll, not both")
    if wanted.delay is not None and wanted.delay < 0:
        raise InvalidMessage("delay must not be negative")
    if wanted.delay:
        raise Unsupported("delay is not available yet; leave it out, or send 0")
    for name, value in (("from", wanted.sender), ("requestId", wanted.request_id)):
        if value is not None and len(value) > NAME_LENGTH:
            raise InvalidMessage(f"{name} has more than {NAME_LENGTH} characters")
    return wanted


def _targets_of(wanted: SendRequest) -> Sequence[str]:
    if isinstance(wanted.to, str):
        return [wanted.to] if wanted.to else []
    return wanted.to or []


def _request_id_of(request: Request) -> str:
    event = request.scope.get("aws.event")
    # Served by another than Lambda, a request has no id of its own.
    return ids.new_message_id() if event is None else events.read_http_request_id(event)


def _reply(
    status: int,
    *,
    text: str = "success",
    data: object = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    is_success = status < 400  # noqa: PLR2004 — HTTP
    reply = Reply(success=is_success, code="0" if is_success else "-1", msg=text, data=data)
    return _json(status, reply, headers)


def _json(status: int, value: msgspec.Struct, headers: Mapping[str, str] | None = None) -> Response:
    body = msgspec.json.encode(value)
    return Response(body, status, headers, media_type="application/json")
