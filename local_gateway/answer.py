"""An HTTP answer as API Gateway gives it, to a refused handshake and to a management call.

An error has the head of ENDPOINT-10. SDKs take the class of an error from
`x-amzn-ErrorType`, not from the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http.client import responses
from typing import TYPE_CHECKING, Any

import orjson

from local_gateway import clock, ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    """`send` of ASGI."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body; `error_type` is the exception that an SDK raises."""

    status: int
    error_type: str | None = None
    body: bytes = b""


def error(status: int, error_type: str, message: str) -> Answer:
    """Return an answer with the body `{"message":…}`."""
    return Answer(status, error_type, orjson.dumps({"message": message}))


OK = Answer(200)
NO_CONTENT = Answer(204)
BAD_REQUEST = error(400, "BadRequestException", "Bad Request")
UNAUTHORIZED = error(401, "UnauthorizedException", "Unauthorized")
FORBIDDEN = error(403, "ForbiddenException", "Forbidden")
"""Also for a stage that does not exist (ENDPOINT-7, ENDPOINT-8)."""
GONE = Answer(410, "GoneException")
"""Without a body (MANAGE-9)."""
PAYLOAD_TOO_LARGE = error(413, "PayloadTooLargeException", "Payload Too Large")
UNSUPPORTED_MEDIA_TYPE = error(415, "BadRequestException", "Unsupported Media Type")
URI_TOO_LONG = error(414, "RequestTooLongException", "Request-URI Too Long")
UPGRADE_REQUIRED = error(426, "UpgradeRequiredException", "Upgrade Required")
"""To a plain request for a stage's own URL (ENDPOINT-9)."""
TOO_MANY_REQUESTS = error(429, "TooManyRequestsException", "Too Many Requests")
LIMIT_EXCEEDED = error(429, "LimitExceededException", "Too Many Requests")
QUOTA_EXCEEDED = error(429, "LimitExceededException", "Limit Exceeded")
"""To a client whose usage plan has no requests left."""
INTERNAL_SERVER_ERROR = error(500, "InternalServerErrorException", "Internal server error")
BAD_GATEWAY = error(502, "InternalServerErrorException", "Internal server error")
NETWORK_ERROR = error(
    504, "InternalServerErrorException", "Network error communicating with endpoint"
)
GATEWAY_TIMEOUT = error(504, "InternalServerErrorException", "Endpoint request timed out")


def write_headers(
    answer: Answer, gateway_id: str, *, connection: bytes = b"keep-alive"
) -> list[tuple[bytes, bytes]]:
    """Return the head of an answer; `gateway_id` is the request's id as API Gateway's ids are."""
    return _headers(answer, _date(), ids.new_request_id().encode(), gateway_id.encode(), connection)


def _date() -> bytes:
    return clock.http_date(clock.now_ms() // 1000)


def _headers(
    answer: Answer, date: bytes, request_id: bytes, gateway_id: bytes, connection: bytes
) -> list[tuple[bytes, bytes]]:
    headers = [(b"Date", date)]
    if answer.body:
        headers.append((b"Content-Type", b"application/json"))
    if answer.status != NO_CONTENT.status:
        # RFC 9110, 8.6: a 204 has no Content-Length.
        headers.append((b"Content-Length", b"%d" % len(answer.body)))
    if answer.status == UPGRADE_REQUIRED.status:
        headers.append((b"Upgrade", b"websocket"))  # RFC 9110, 15.5.22
    headers += [(b"Connection", connection), (b"x-amzn-RequestId", request_id)]
    if answer.error_type is not None:
        headers.append((b"x-amzn-ErrorType", answer.error_type.encode()))
    headers.append((b"x-amz-apigw-id", gateway_id))
    return headers


def write_response(answer: Answer, gateway_id: str) -> bytes:
    """Return a whole HTTP/1.1 response."""
    before, between, behind = _head(answer, _date())
    request_id = ids.new_request_id().encode()
    return b"".join((before, request_id, between, gateway_id.encode(), behind, answer.body))


@lru_cache(maxsize=32)
def _head(answer: Answer, date: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a head around its two ids: for a second, the same answers differ in nothing else."""
    lines = [b"HTTP/1.1 %d %b" % (answer.status, responses.get(answer.status, "").encode())]
    lines += [b"%b: %b" % header for header in _headers(answer, date, b"\0", b"\0", b"keep-alive")]
    before, between, behind = b"\r\n".join((*lines, b"", b"")).split(b"\0")
    return before, between, behind


async def respond(send: Send, answer: Answer, gateway_id: str) -> None:
    """Answer an HTTP request."""
    headers = write_headers(answer, gateway_id)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def refuse(send: Send, answer: Answer, gateway_id: str) -> None:
    """Answer a WebSocket handshake that is not accepted, which ends its connection."""
    headers = write_headers(answer, gateway_id, connection=b"close")
    start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": answer.body})
