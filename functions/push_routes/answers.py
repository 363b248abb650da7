"""Write answers, and every error: the one place where an error becomes an HTTP answer.

Under /v1 an error is `{"error": {…}, "requestId"}` with its status; elsewhere it is the Java
system's `{success, code, msg, data}`, with the same status.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from fastapi.responses import Response

from cloudpush import boundary, events, ids, protocol
from cloudpush.errors import CloudpushError, InvalidMessage, TooManyRequests, Unauthorized
from cloudpush.repeating import Answer
from push_routes.bodies import ErrorReply, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

PAGE: Final = 100
MAX_PAGE: Final = 500
"""Items of a list in one answer: by default, and at most."""

PLACE_DIGITS: Final = 15
"""Of a number in a cursor: a time in ms, or a seq, which no inbox ever brings so far."""

REQUEST_BYTES: Final = 1024 * 1024
"""Of a body, and of each message of a batch: an envelope whose JSON is all escapes, and targets."""

_FRAMEWORK_CODES: Final = {404: "not_found", 405: "method_not_allowed"}
_Shape = TypeVar("_Shape")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the compatible routes answer."""

    success: bool
    code: str
    msg: str
    data: Any = None


def json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def written(answer: Answer) -> Response:
    """Return an answer that may be a repeat, and says so then."""
    headers = {"Idempotent-Replayed": "true"} if answer.is_repeat else None
    return Response(answer.body, answer.status, headers, media_type="application/json")


def answer_of(status: int, value: object, *, is_final: bool = True) -> Answer:
    """Return an answer in the form in which it is kept, if it is final."""
    return Answer(status=status, body=msgspec.json.encode(value).decode(), is_final=is_final)


def compatible(
    status: int,
    *,
    text: str = "success",
    data: object = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an answer in the Java system's shape."""
    is_success = status < 400  # noqa: PLR2004 — HTTP
    reply = Reply(success=is_success, code="0" if is_success else "-1", msg=text, data=data)
    return json(status, reply, headers)


def failure_of(error: CloudpushError) -> Failure:
    """Return what is told of an error of ours."""
    return Failure(
        code=error.code,
        message=boundary.text_of(error),
        temporary=error.temporary,
        retry_after_ms=error.retry_after_ms,
    )


def refused(request: Request, error: CloudpushError) -> Response:
    """Answer an error of ours: status and text as `boundary` says."""
    status = boundary.status_of(error)
    headers = _headers_of(error)
    if not is_v1(request):
        return compatible(status, text=boundary.text_of(error), headers=headers)
    reply = ErrorReply(error=failure_of(error), request_id=request_id_of(request))
    return json(status, reply, headers)


def _headers_of(error: CloudpushError) -> dict[str, str]:
    """Return what belongs beside 401 (RFC 9110, section 11.6.1) and 429 (section 10.2.3)."""
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(-(-(error.retry_after_ms or 0) // 1000))}
    return {}


def refused_by_framework(
    request: Request, status: int, text: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer what is no error of ours: no such path, no such method, a fault nobody expected."""
    if not is_v1(request):
        return compatible(status, text=text, headers=headers)
    code = _FRAMEWORK_CODES.get(status, "internal" if status >= 500 else "invalid_message")  # noqa: PLR2004 — HTTP
    failure = Failure(code=code, message=text, temporary=False)
    return json(status, ErrorReply(error=failure, request_id=request_id_of(request)), headers)


def is_v1(request: Request) -> bool:
    """Tell whether a request is for the routes under /v1."""
    return request.url.path.startswith("/v1/")


def request_id_of(request: Request) -> str:
    """Return the HTTP request's id; the same one for as long as it lasts."""
    event = request.scope.get("aws.event")
    if event is not None:
        return events.read_http_request_id(event)
    # Served by another than Lambda, a request has no id of its own.
    request_id: str = request.scope.setdefault("cloudpush.request_id", ids.new_message_id())
    return request_id


async def read(
    request: Request, decoder: msgspec.json.Decoder[_Shape], *, max_bytes: int = REQUEST_BYTES
) -> _Shape:
    """Read a request's body.

    Raises:
        PayloadTooLarge: it has more than `max_bytes`.
        InvalidMessage: it is not strict JSON, or not of the decoder's shape.
    """
    return protocol.decode_json(await request.body(), decoder, max_bytes=max_bytes)


def read_limit(request: Request, default: int = PAGE, most: int = MAX_PAGE) -> int:
    """Return the query's `limit`: 1 to 500, 100 if it is absent, unless the list has others.

    Raises:
        InvalidMessage: it is another.
    """
    text = request.query_params.get("limit", str(default))
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise InvalidMessage(f"limit must be 1 to {most}")
    return int(text)


def read_time(request: Request, name: str, default: int) -> int:
    """Return a time of the query, in milliseconds.

    Raises:
        InvalidMessage: it is no time.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > len("9999999999999"):
        raise InvalidMessage(f"{name} must be milliseconds since the epoch")
    return int(text)


def write_cursor(kind: str, place: str | None) -> str | None:
    """Return a place in a list as a text that means nothing to others."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(f"{kind} {place}".encode()).decode().rstrip("=")


def read_cursor(request: Request, kind: str) -> str | None:
    """Return the place that the query's `cursor` stands for, or None without one.

    Raises:
        InvalidMessage: it is not one of this list's.
    """
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        found, mark, place = base64.urlsafe_b64decode(padded).decode().partition(" ")
    except (UnicodeError, binascii.Error):
        found, mark, place = "", "", ""
    if found != kind or not mark:
        raise InvalidMessage("cursor is not one of this list")
    return place


def number_in_cursor(place: str) -> int:
    """Return the number that a place is, in a list whose places are numbers.

    Raises:
        InvalidMessage: it is none, or larger than any.
    """
    if not place.isascii() or not place.isdigit() or len(place) > PLACE_DIGITS:
        raise InvalidMessage("cursor is not one of this list")
    return int(place)
