"""The HTTP API: `/message/send`, `/server/get`, `/v1/…`, `/health`, `/docs`, the test page.

The routes lie in `push_routes`, by resource; here they become one application behind Mangum, the
only function that imports FastAPI.

`/docs` is FastAPI's page, which loads Swagger UI from a CDN; `/openapi.json` needs nothing.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import msgspec
from fastapi import FastAPI, Request
from mangum import Mangum
from mangum.handlers import HTTPGateway
from starlette.exceptions import HTTPException

from cloudpush import boundary, events, wiring
from cloudpush.errors import CloudpushError
from cloudpush.observability import invocation
from cloudpush.settings import AuthMode
from push_routes import (
    answers,
    clients,
    compatible,
    dead_letters,
    describing,
    messages,
    pages,
    records,
    statistics,
    tickets,
    websocket,
)
from push_routes.bodies import ErrorReply, Failure

if TYPE_CHECKING:
    from fastapi.responses import Response
    from mangum.types import Scope

    from cloudpush.events import Event, LambdaContext

wiring.prepare("mailroom", "repeats", "access")

app = FastAPI(
    title="cloudpush",
    summary="Push messages to WebSocket clients by client id.",
    redoc_url=None,
)
for routes in (
    compatible,
    messages,
    records,
    clients,
    tickets,
    statistics,
    dead_letters,
    websocket,
    pages,
):
    app.include_router(routes.router)


@functools.cache
def _describe(auth_mode: AuthMode) -> dict[str, Any]:
    return describing.describe(app, is_closed=auth_mode is AuthMode.JWT)


def _openapi() -> dict[str, Any]:
    return _describe(wiring.current().settings.auth_mode)


app.openapi = _openapi


@app.exception_handler(CloudpushError)
async def answer_our_error(request: Request, error: CloudpushError) -> Response:
    """Answer an error of ours."""
    return answers.refused(request, error)


@app.exception_handler(HTTPException)
async def answer_framework_error(request: Request, error: HTTPException) -> Response:
    """Answer what the router found: no such path, no such method."""
    return answers.refused_by_framework(request, error.status_code, error.detail, error.headers)


@app.exception_handler(Exception)
async def answer_unknown_error(request: Request, error: Exception) -> Response:
    """Answer a fault of ours without telling which; Mangum logs it with its traceback."""
    return answers.refused_by_framework(request, 500, "the service failed")


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
    request_id = events.read_http_request_id(event)
    with invocation(request_id=request_id):
        try:
            return _serve()(dict(event), cast("Any", context))
        except UnicodeEncodeError:
            # Mangum reads body and query before there is a request; errors of routes stay in it.
            return _answer_not_unicode(str(event.get("rawPath", "")), request_id)


def _answer_not_unicode(path: str, request_id: str) -> dict[str, Any]:
    text = "not Unicode text"
    reply: object = answers.Reply(success=False, code="-1", msg=text)
    if path.startswith("/v1/"):
        failure = Failure(code="invalid_message", message=text, temporary=False)
        reply = ErrorReply(error=failure, request_id=request_id)
    return {
        "statusCode": 400,
        "headers": {"content-type": "application/json"},
        "body": msgspec.json.encode(reply).decode(),
        "isBase64Encoded": False,
    }
