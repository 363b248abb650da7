"""From what a function returned to an HTTP response, payload format 2.0.

An object with `statusCode` is a response. Anything else is the body of a 200 with the content type
`application/json`, a JSON text without its quotes (developer guide, "Lambda function response for
format 2.0"). A response without a content type is `text/plain; charset=utf-8`, as observed by the
authors of AWS's own Lambda test tool for .NET.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as InvalidBase64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from local_gateway.integration import MalformedResponse, read_proxy_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.integration import Json

_JSON = ("content-type", "application/json")
_OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding"})
"""Headers that the server writes, whatever the function says."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIRST_STATUS = 200


@dataclass(frozen=True, slots=True)
class Response:
    """A status, headers with names in lower case, and a body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def message(status: int, text: str) -> Response:
    """Return an answer of the gateway's own."""
    return Response(status, (_JSON,), orjson.dumps({"message": text}))


NOT_FOUND = message(404, "Not Found")
TOO_LARGE = message(413, "Request Entity Too Large")
INTERNAL_SERVER_ERROR = message(500, "Internal Server Error")
SERVICE_UNAVAILABLE = message(503, "Service Unavailable")
"""An integration that doesn't answer within its timeout."""


def read_response(payload: bytes) -> Response:
    """Read what a function returned.

    Raises:
        MalformedResponse: It has a `statusCode`, and is no response all the same: 500.
    """
    try:
        returned: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return Response(200, (_JSON,), payload)
    if isinstance(returned, str):
        return Response(200, (_JSON,), returned.encode())
    if not isinstance(returned, dict) or "statusCode" not in returned:
        return Response(200, (_JSON,), payload)
    proxy = read_proxy_response(payload)
    if proxy.status < _FIRST_STATUS:
        raise MalformedResponse(f"statusCode is {proxy.status}, which ends no request")
    headers = [*_headers(proxy.headers), *_cookies(returned.get("cookies"))]
    if "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    is_base64 = returned.get("isBase64Encoded") is True
    return Response(proxy.status, tuple(headers), _body(proxy.body or "", is_base64=is_base64))


def _headers(returned: Mapping[str, Json]) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for name, value in returned.items():
        if name.lower() not in _OURS and value is not None:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            headers.append(_header(name.lower(), text))
    return headers


def _cookies(returned: Json) -> list[tuple[str, str]]:
    if returned is None:
        return []
    if not isinstance(returned, list):
        raise MalformedResponse("cookies is not a list")
    return [_header("set-cookie", str(cookie)) for cookie in returned]


def _header(name: str, value: str) -> tuple[str, str]:
    """Return a header; one that would end up as two is refused."""
    if not _TOKEN.fullmatch(name) or any(char in value for char in "\r\n\0"):
        raise MalformedResponse(f"the header {name!r} can't be written")
    return name, value


def _body(text: str, *, is_base64: bool) -> bytes:
    if not is_base64:
        return text.encode()
    try:
        return b64decode(text, validate=True)
    except (InvalidBase64, ValueError) as error:
        raise MalformedResponse("body is not base64, and isBase64Encoded says so") from error
