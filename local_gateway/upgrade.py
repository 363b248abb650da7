"""One WebSocket handshake: from the request that the server core has parsed to a `Wire`.

An application accepts it through `PendingUpgrade` and refuses it by the messages of ASGI. Whether
it is a valid handshake at all is decided by `websockets`, before the application hears of it.
"""

from __future__ import annotations

import asyncio
import logging
from http.client import responses
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request, Response
from websockets.server import ServerProtocol

from local_gateway import clock
from local_gateway.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from local_gateway.server import State
    from local_gateway.wire import Listener

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    App = Callable[
        [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
        Awaitable[None],
    ]

_log = logging.getLogger(__name__)

UPGRADE: Final = "local_gateway.upgrade"
"""The key in `scope["extensions"]` of a WebSocket scope whose value is a `PendingUpgrade`."""

_EARLY_BYTES: Final = 65_536
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_AROUND: Final = 32
"""More than a line of a request has beside what is counted: a method, a version, separators."""

_library: Final = ServerProtocol()
"""For `process_request` alone, which keeps nothing that the next call doesn't write anew."""


class PendingUpgrade(Protocol):
    """What the server core offers to an application beyond ASGI, during a handshake."""

    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The request's headers in the client's order and case."""
        ...

    def accept(self, listener: Listener, subprotocol: str | None = None) -> None:
        """Answer 101, in place of `websocket.accept`, and give the frames to `listener`; once.

        If the client is gone already the listener learns it at once.
        """
        ...


class Head(NamedTuple):
    """A request without a body, of HTTP/1.1."""

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    """Their names in lower case."""
    raw_headers: Sequence[tuple[bytes, bytes]]
    """The same in the client's case."""


class Upgrade(asyncio.Protocol):
    """A connection for as long as its handshake lasts."""

    def __init__(
        self, transport: asyncio.Transport, state: State, head: Head, rest: bytes = b""
    ) -> None:
        """Take the connection over; `rest` is what came behind the request."""
        self.raw_headers = head.raw_headers
        self._transport = transport
        self._state = state
        self._early: list[bytes] = []
        self._accept_key = ""
        self._is_answered = self._is_gone = False
        self._refusal: tuple[int, list[tuple[str, str]]] | None = None
        self._body = b""
        state.remember(self)
        transport.set_protocol(self)
        if rest:
            self.data_received(rest)

    def begin(self, app: App, head: Head, scope: Scope) -> None:
        """Run the application, unless it is no valid handshake. `scope` is the HTTP request's."""
        request = read_request(head)
        if isinstance(request, bytes):
            self._answer(request)
            return
        try:
            self._accept_key, _, _ = _library.process_request(request)
        except Exception:  # noqa: BLE001 — the library has an answer to each of its errors
            self._answer(ServerProtocol().accept(request).serialize())
            return
        task = asyncio.get_running_loop().create_task(
            self._run(app, self._write_scope(head, request, scope))
        )
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _write_scope(self, head: Head, request: Request, scope: Scope) -> Scope:
        raw_path, _, query_string = head.target.partition(b"?")
        subprotocols = request.headers.get_all("Sec-WebSocket-Protocol")
        return {
            "type": "websocket",
            "asgi": scope["asgi"],
            "http_version": "1.1",
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "server": scope["server"],
            "client": scope["client"],
            "root_path": "",
            "path": unquote(raw_path.decode("ascii")),
            "raw_path": raw_path,
            "query_string": query_string,
            "headers": head.headers,
            "subprotocols": [name.strip() for line in subprotocols for name in line.split(",")],
            "extensions": {"websocket.http.response": {}, UPGRADE: self},
        }

    # What the application does

    def accept(self, listener: Listener, subprotocol: str | None = None) -> None:
        """See `PendingUpgrade`."""
        if not (self._is_answered or self._is_gone or self._transport.is_closing()):
            chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
            self._transport.write(
                (
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {self._accept_key}\r\n"
                    f"{chosen}\r\n"
                ).encode("ascii")
            )
        self._is_answered = True
        wire = Wire(self._transport, listener, self._state.forget)
        if self._is_gone:
            wire.connection_lost(None)
            return
        self._state.remember(wire)
        self._transport.set_protocol(wire)
        self._state.forget(self)
        early, self._early = b"".join(self._early), []
        if early and not self._transport.is_closing():
            self._transport.resume_reading()
            wire.data_received(early)

    async def _run(self, app: App, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:  # noqa: BLE001 — the boundary of the application
            _log.exception("the application failed during a handshake")
        else:
            if not self._is_answered and not self._is_gone:
                _log.error("the application returned without an answer to a handshake")
        if not self._is_answered:
            self._fail()

    async def _receive(self) -> Message:
        """Return the one message that there is: what follows goes to a listener."""
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        """Take a refusal (ASGI, "Websocket Denial Response")."""
        kind = message["type"]
        if kind == "websocket.http.response.start" and self._refusal is None:
            headers = message.get("headers", ())
            self._refusal = (
                message["status"],
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            )
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self._answer(write_refusal(*self._refusal, self._body))
        elif kind == "websocket.close":
            self._answer(write_refusal(403, [], b""))
        else:
            raise RuntimeError(f"{kind} does not answer a handshake here")

    def _fail(self) -> None:
        self._answer(ServerProtocol().reject(500, "Internal Server Error").serialize())

    def _answer(self, response: bytes) -> None:
        """Answer with anything but 101, unless there was an answer."""
        if not self._is_answered and not self._is_gone:
            self._is_answered = True
            self._transport.write(response)
            self._transport.close()

    # What the event loop and the server say

    def data_received(self, data: bytes) -> None:
        """Keep what a hasty client sends before it has been answered."""
        self._early.append(data)
        if sum(map(len, self._early)) > _EARLY_BYTES:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the client is gone."""
        del exc
        self._is_gone = True
        self._state.forget(self)

    def shutdown(self) -> None:
        """Refuse, for the server stops."""
        self._fail()
        self._transport.close()

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._transport.abort()


def read_request(head: Head) -> Request | bytes:
    """Return what `websockets` would read, or the bytes with which it refuses to.

    The server core's parser admits the same characters as theirs does. So theirs is asked only
    where it could say something else: beyond its limits, and about a body.
    """
    length = len(head.target) + sum(map(len, chain.from_iterable(head.headers)))
    if (
        length + _AROUND > MAX_LINE_LENGTH
        or len(head.headers) > MAX_NUM_HEADERS
        or not _FRAMING.isdisjoint(dict(head.headers))
    ):
        return _parse_request(head)
    headers = Headers()
    for name, value in head.raw_headers:
        headers.set_insecure(name.decode("ascii"), value.strip(b" \t").decode("latin-1"))
    return Request(head.target.decode("ascii"), headers, head.method)


def _parse_request(head: Head) -> Request | bytes:
    lines = [b"%b %b HTTP/1.1" % (head.method.encode(), head.target)]
    lines += [b"%b: %b" % pair for pair in head.raw_headers]
    library = ServerProtocol()
    library.receive_data(b"\r\n".join((*lines, b"", b"")))
    for event in library.events_received():
        if isinstance(event, Request):
            return event
    said = b"".join(library.data_to_send())
    return said or library.reject(400, f"{library.handshake_exc}.\n").serialize()


def write_refusal(status: int, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """Return a whole response with the headers, and with those that it can't be without."""
    complete = Headers(headers)
    complete.setdefault("Date", clock.http_date(clock.now_ms() // 1000).decode())
    complete.setdefault("Connection", "close")
    complete.setdefault("Content-Length", str(len(body)))
    complete.setdefault("Content-Type", "text/plain; charset=utf-8")
    return Response(status, responses.get(status, ""), complete, body).serialize()
