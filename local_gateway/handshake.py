"""What `$connect` decides: whether a handshake is accepted, and with which subprotocol.

Of the function's answer only the status and `Sec-WebSocket-Protocol` reach the client (CONNECT-6).
Nothing is negotiated here: a subprotocol is what the function returned, or none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import responses
from typing import TYPE_CHECKING

import orjson

from local_gateway import why as reasons
from local_gateway.answer import Answer
from local_gateway.integration import MalformedResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local_gateway.integration import ProxyResponse
    from local_gateway.why import Why

_MIN_OK, _MAX_OK, _MIN_FINAL = 200, 299, 200
_SUBPROTOCOL = "sec-websocket-protocol"
_LONGEST_NAME = 32
"""What is longer is no name but most likely a token, which belongs in no log."""
_FIELD_VALUE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The handshake is answered with 101."""

    subprotocol: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The handshake is answered with an HTTP error; no WebSocket frame is ever sent."""

    answer: Answer


def decide(response: ProxyResponse, *, says_why: bool = False) -> Accepted | Refused:
    """Decide by what `$connect` returned.

    Any 2xx accepts (CONNECT-4); any other status is passed through (CONNECT-5). The function's body
    isn't (CONNECT-7); `says_why` puts the name of the status in its place.

    Raises:
        MalformedResponse: The status is informational, or the subprotocol is no header value.
    """
    if response.status < _MIN_FINAL:
        raise MalformedResponse(f"statusCode {response.status} is not a final status")
    if response.status > _MAX_OK:
        reason = responses.get(response.status, "")
        body = orjson.dumps({"message": reason}) if says_why else b""
        return Refused(Answer(response.status, body=body))
    return Accepted(_returned_subprotocol(response))


def _returned_subprotocol(response: ProxyResponse) -> str | None:
    for name, value in response.headers.items():
        if name.lower() == _SUBPROTOCOL:
            if not isinstance(value, str) or not _FIELD_VALUE.fullmatch(value):
                raise MalformedResponse(f"{name} is {value!r}, not a header value")
            return value
    return None


def read_offer(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """Return the subprotocols that a client offers."""
    lines = [value.decode("latin-1") for name, value in headers if is_subprotocol(name)]
    return [item.strip() for line in lines for item in line.split(",") if item.strip()]


def explain_subprotocol(
    why: Why, place: str, offered: Sequence[str], subprotocol: str | None
) -> None:
    """Say so if the client will not like the subprotocol that it gets."""
    if subprotocol is None:
        if offered:
            names = ", ".join(each if len(each) <= _LONGEST_NAME else "…" for each in offered)
            why.say(reasons.SUBPROTOCOL_NOT_RETURNED, place, offered=names)
    elif subprotocol not in offered:
        why.say(reasons.SUBPROTOCOL_NOT_OFFERED, place, subprotocol=subprotocol)


def is_subprotocol(name: bytes) -> bool:
    """Tell whether a header, in any case, is `Sec-WebSocket-Protocol`."""
    return name.lower() == _SUBPROTOCOL.encode()
