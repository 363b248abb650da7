"""The one module of the emulator that draws random numbers, and the ids that AWS shows.

An id of API Gateway is 11 bytes in base64url with its pad, 16 characters (ID-1 to ID-4):

    bytes 0-3   31-bit counter of 25 ms ticks, so that ids sort by time
    byte  4     top two bits: 11 connection and message, 01 request; the rest tells ids apart
    byte  5     tells ids apart
    bytes 6-7   constant per API (low 7 bits of byte 6)
    byte  8     02 connection and message (12th character C), 05 request (F)
    bytes 9-10  the front-end host; a message's are those of its connection; last 2 bits are 0

The first 6 bytes are the first 8 characters, so the rest of an id is written once per API. Where
AWS has random bits, a counter runs from a random start: 16,384 ids of a kind in one tick differ for
certain, which random bits could not promise.
"""

from __future__ import annotations

import random  # noqa: TID251 — this is the one place
import re
from binascii import b2a_base64, crc32
from itertools import count
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{14}[AQgw]=")
"""What every id seen on AWS matches, whole (ID-1)."""

_TICK_MS = 25
_TICK_OFFSET = 1_686_433_798
_TICKS = 2**31
_COUNTED = 2**14
_CONNECTION, _REQUEST = 0b11 << 14, 0b01 << 14
_CONNECTION_KIND, _REQUEST_KIND = 0x02, 0x05
_URL_SAFE = bytes.maketrans(b"+/", b"-_")

_random = random.Random()  # noqa: S311 — ids that a seed can replay, not secrets
_seed = _random.getrandbits(32)
_random.seed(_seed)
_counter = count(_random.getrandbits(14))


def seed(value: int) -> None:
    """Start over from `value`: the same calls at the same times then draw the same ids."""
    global _counter, _seed  # noqa: PLW0603 — the one state of this module
    _seed = value
    _random.seed(value)
    _counter = count(_random.getrandbits(14))


def current_seed() -> int:
    """Return what everything here is drawn from: what `seed` was given, or a number of our own."""
    return _seed


def stream(name: str) -> Callable[[], float]:
    """Return what draws numbers from 0 to 1, the same ones for a name and a seed."""
    return random.Random(f"{_seed} {name}").random  # noqa: S311 — see above


def new_request_id() -> str:
    """Return a request id as Lambda and the management API have them: a version 4 UUID."""
    bits = _random.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace_id(now_ms: int) -> str:
    """Return the value of an `X-Amzn-Trace-Id` header: `Root=1-<epoch s>-<24 hex digits>`."""
    return f"Root=1-{now_ms // 1000:08x}-{_random.getrandbits(96):024x}"


class GatewayIds:
    """The ids of one API."""

    __slots__ = ("_connection_end", "_request_end")

    def __init__(self, api_id: str) -> None:
        """Derive the constant bytes from `api_id`, and choose a host."""
        constant = crc32(api_id.encode()) & 0x7FFF
        self._connection_end = _end(constant, _CONNECTION_KIND)
        self._request_end = _end(constant, _REQUEST_KIND)

    def new_connection_id(self, now_ms: int) -> str:
        """Return an id for a connection."""
        return _start(now_ms, _CONNECTION) + self._connection_end

    def new_message_id(self, now_ms: int) -> str:
        """Return an id for a message, with the host of its connection."""
        return _start(now_ms, _CONNECTION) + self._connection_end

    def new_request_id(self, now_ms: int) -> str:
        """Return an id for a request: `requestId` and `extendedRequestId` of an event."""
        return _start(now_ms, _REQUEST) + self._request_end


def _start(now_ms: int, tag: int) -> str:
    tick = (now_ms // _TICK_MS + _TICK_OFFSET) % _TICKS
    number = pack(">IH", tick, tag | next(_counter) % _COUNTED)
    return b2a_base64(number, newline=False).translate(_URL_SAFE).decode()


def _end(constant: int, kind: int) -> str:
    host = _random.getrandbits(14) << 2
    number = pack(">HBH", constant, kind, host)
    return b2a_base64(number, newline=False).translate(_URL_SAFE).decode()
