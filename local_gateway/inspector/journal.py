"""The last things that happened, kept as they came: what is done per message is two appends.

An entry is written out only when somebody looks (`rows`). It refers to payloads that are there
anyway, so the journal is bounded by their bytes as well as by its length. Each call is O(1).
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from local_gateway import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local_gateway.event import Handshake, Request
    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.lifecycle import Closing
    from local_gateway.why import Said

ROWS: Final = 5_000
"""How many entries are kept. Ours."""

BYTES: Final = 32 * 1024 * 1024
"""How many bytes of payloads the entries may hold. Ours."""

UNIT_BYTES: Final = 32 * 1024
"""What of a message is metered as one."""

_SURELY_ONE: Final = UNIT_BYTES // 4
"""So many characters are one unit whatever they are in UTF-8."""
_SWITCHING_PROTOCOLS: Final = 101
_SENT: Final = 200
_ENTRY_BYTES: Final = 500
"""About what an entry takes beside its payloads."""


class Kind(Enum):
    """What an entry tells of, and the facts that follow its id, time, kind and size."""

    HANDSHAKE = "handshake"
    """Connection id, API, stage, `Handshake`, status (101 or what it was refused with), subprotocol
    or None, when it came in milliseconds since the epoch."""
    MESSAGE = "message"
    """Connection id, request id, route or None, text."""
    INVOCATION = "invocation"
    """Function, `Invocation`."""
    REPLY = "reply"
    """Connection id, request id, data: the answer of a two-way route."""
    ERROR = "error"
    """Connection id, request id, data: an error frame."""
    POST = "post"
    """Connection id, status, data, trace of the request."""
    LOOK = "look"
    """Connection id, status, trace of the request: a GET of `@connections`."""
    DELETE = "delete"
    """Connection id, status, trace of the request."""
    CLOSE = "close"
    """Connection id, `Closing`."""
    LOG = "log"
    """A line of a function's output, its name and request id in front."""
    WHY = "why"
    """`Said`."""


Entry: TypeAlias = "tuple[int, int, Kind, int, *tuple[object, ...]]"
"""Id (1 is the first, without gaps), milliseconds since the epoch, kind, bytes, facts. A plain
tuple takes a third of the time of a named one, and there are three to a message."""


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a request's `X-Amzn-Trace-Id`, empty if it has none; names are in lower case.

    AWS's SDKs send the one of the event that the function is handling (botocore,
    `add_recursion_detection_header`; JavaScript, `recursionDetectionMiddleware`).
    """
    for name, value in headers:
        if name == b"x-amzn-trace-id":
            return value
    return b""


def units_of(length: int) -> int:
    """Return as how many messages one of this many bytes is metered (API Gateway, "Pricing")."""
    return 1 if length <= UNIT_BYTES else -(-length // UNIT_BYTES)


def _ignore(_entry: Entry) -> None:
    """Nobody wants to know."""


class Journal:
    """The last entries."""

    def __init__(self, rows: int = ROWS) -> None:
        """Begin empty; of more than `rows` entries the oldest are forgotten."""
        self._entries: deque[Entry] = deque()
        self._rows = rows
        self._bytes = 0
        self.last_id = 0
        """The id of the newest entry, 0 before there is one."""
        self.let_go: Callable[[Entry], None] = _ignore
        """Is told of each entry that is forgotten."""
        self.events = 0
        """How many events functions had."""
        self.units = 0
        """How many messages there were either way, each as many as it has pieces of 32 KB."""
        self._opened = self._closed = 0
        self._opened_ms = self._closed_ms = 0

    @property
    def held_bytes(self) -> int:
        """Return about how many bytes the entries hold."""
        return self._bytes

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._entries)

    def after(self, entry_id: int, limit: int) -> list[Entry]:
        """Return the newest entries behind `entry_id`, at most `limit`, in their order."""
        count = min(self.last_id - entry_id, limit, len(self._entries))
        if count <= 0:
            return []
        newest = list(islice(reversed(self._entries), count))
        newest.reverse()
        return newest

    def find(self, entry_id: int) -> Entry | None:
        """Return an entry that is still kept."""
        index = entry_id - self.last_id - 1  # counted from the newest
        return self._entries[index] if -len(self._entries) <= index <= -1 else None

    def clear(self) -> None:
        """Forget all entries; ids go on."""
        for entry in self._entries:
            self.let_go(entry)
        self._entries.clear()
        self._bytes = 0

    def connected_ms(self, now_ms: int) -> int:
        """Return for how long connections have been open, all together."""
        is_open = self._opened - self._closed
        return self._closed_ms - self._opened_ms + is_open * now_ms

    # What the parts say

    def arrived(  # noqa: PLR0913, PLR0917 — what there is to know of a handshake
        self,
        connection_id: str,
        api: str,
        stage: str,
        handshake: Handshake,
        status: int,
        subprotocol: str | None,
        began_ms: int,
    ) -> None:
        """Note a handshake that was answered."""
        facts = (connection_id, api, stage, handshake, status, subprotocol, began_ms)
        length = sum(len(name) + len(value) for name, value in handshake.headers)
        if status == _SWITCHING_PROTOCOLS:
            self._opened += 1
            self._opened_ms += clock.now_ms()
        self._add(Kind.HANDSHAKE, length + len(handshake.query_string), *facts)

    def received(self, connection_id: str, request: Request, route: str | None, text: str) -> None:
        """Note a message and the route that it chose."""
        self.units += 1 if len(text) <= _SURELY_ONE else units_of(len(text.encode()))
        facts = (connection_id, request.request_id, route, text)
        self._add_at(request.now_ms, Kind.MESSAGE, len(text), *facts)

    def invoked(self, now_ms: int, function: str, invocation: Invocation) -> None:
        """Note an event of a function; its outcome is in `invocation` once there is one."""
        self.events += 1
        payload_bytes = len(invocation.payload)
        self._add_at(now_ms, Kind.INVOCATION, payload_bytes, function, invocation)

    def replied(self, connection_id: str, request_id: str, data: bytes) -> None:
        """Note the answer of a two-way route."""
        self.units += units_of(len(data))
        self._add(Kind.REPLY, len(data), connection_id, request_id, data)

    def told(self, connection_id: str, request_id: str, data: bytes) -> None:
        """Note an error frame."""
        self.units += 1
        self._add(Kind.ERROR, len(data), connection_id, request_id, data)

    def posted(self, connection_id: str, status: int, data: bytes, trace: bytes = b"") -> None:
        """Note a post to a connection and its answer; `trace` tells who posted (`trace_of`)."""
        if status == _SENT:
            self.units += units_of(len(data))
        self._add(Kind.POST, len(data), connection_id, status, data, trace)

    def looked(self, connection_id: str, status: int, trace: bytes = b"") -> None:
        """Note a GET of a connection."""
        self._add(Kind.LOOK, 0, connection_id, status, trace)

    def deleted(self, connection_id: str, status: int, trace: bytes = b"") -> None:
        """Note a DELETE of a connection."""
        self._add(Kind.DELETE, 0, connection_id, status, trace)

    def ended(self, connection_id: str, closing: Closing) -> None:
        """Note the end of a connection."""
        self._closed += 1
        self._closed_ms += clock.now_ms()
        self._add(Kind.CLOSE, 0, connection_id, closing)

    def reading(self, write_line: Callable[[str], None]) -> Callable[[str], None]:
        """Return what notes a line of a function's output and passes it on."""

        def write(line: str) -> None:
            self.logged(line)
            write_line(line)

        return write

    def logged(self, line: str) -> None:
        """Note a line of a function's output."""
        self._add(Kind.LOG, len(line), line)

    def explained(self, said: Said) -> None:
        """Note what the developer is told of a surprise."""
        self._add(Kind.WHY, len(said.text), said)

    def _add(self, kind: Kind, payload_bytes: int, *facts: object) -> None:
        self._add_at(clock.now_ms(), kind, payload_bytes, *facts)

    def _add_at(self, at_ms: int, kind: Kind, payload_bytes: int, *facts: object) -> None:
        self.last_id += 1
        size = payload_bytes + _ENTRY_BYTES
        self._bytes += size
        entries = self._entries
        entries.append((self.last_id, at_ms, kind, size, *facts))
        while len(entries) > self._rows or self._bytes > BYTES:
            entry = entries.popleft()
            self._bytes -= entry[3]
            self.let_go(entry)
