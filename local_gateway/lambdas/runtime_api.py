"""The emulator's end of Lambda's Runtime API: HTTP on loopback, for every runtime but Python.

    GET  /2018-06-01/runtime/invocation/next             200 with the event, once there is one
    POST /2018-06-01/runtime/invocation/{id}/response    202, or 413 above 6 MB
    POST /2018-06-01/runtime/invocation/{id}/error       202
    POST /2018-06-01/runtime/init/error                  202

Lambda developer guide, "Using the Lambda runtime API for custom runtimes"; what it leaves open
(texts of errors, states) is as in AWS's own emulator of it. Clients take `AWS_LAMBDA_RUNTIME_API`
for a host and a port and put the path behind it themselves, some by way of a URL and some not, so
there is no room for a name in it: each environment has a port of its own. Web pages can reach any
port on loopback; what a browser sends is refused, because it would take an event away.
"""

from __future__ import annotations

import asyncio
import re
import socket
from typing import TYPE_CHECKING, Final, cast

import httptools
import orjson

from local_gateway.lambdas.bootstrap import (
    ERROR,
    INIT_ERROR,
    MAX_RESPONSE_BYTES,
    READY,
    RESULT,
    signals_end_of_file,
)
from local_gateway.lambdas.lifeline import tethered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.lambdas.transport import OnAnswer

_PREFIX: Final = "/2018-06-01/runtime/"
_ANSWER: Final = re.compile(f"{_PREFIX}invocation/([^/]+)/(response|error)")
_FROM_BROWSERS: Final = frozenset({b"origin", b"sec-fetch-site"})


def _reply(status: str, body: bytes, *headers: bytes) -> bytes:
    head = [f"HTTP/1.1 {status}".encode(), b"Content-Type: application/json", *headers]
    head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((*head, b"", body))


def _error(status: str, kind: str, message: str) -> bytes:
    return _reply(status, orjson.dumps({"errorMessage": message, "errorType": kind}) + b"\n")


_ACCEPTED: Final = _reply("202 Accepted", b'{"status":"OK"}\n')
_TOO_LARGE: Final = _error(
    "413 Request Entity Too Large",
    "RequestEntityTooLarge",
    f"Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).",
)
_WRONG_ID: Final = _error("400 Bad Request", "InvalidRequestID", "Invalid request ID")
_NOT_FOUND: Final = _error("404 Not Found", "NotFound", "the Runtime API has no such path")
_FROM_A_PAGE: Final = _error("403 Forbidden", "Forbidden", "the Runtime API isn't for web pages")
_RESPONSE_TOO_LARGE: Final = orjson.dumps(
    {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({MAX_RESPONSE_BYTES} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
)


class RuntimeApi:
    """See `Transport`: the Runtime API of one environment, on a port of its own."""

    asks_for_events = True
    token = b""

    def __init__(
        self, command: Sequence[str], *, arn: str, lifeline: int, on_answer: OnAnswer
    ) -> None:
        """Listen; `command` starts the runtime, `arn` is the function's.

        Raises:
            OSError: There is no port to be had.
        """
        self._arn = arn.encode()
        self._on_answer = on_answer
        self.command = tethered(lifeline, [*command], is_signalled=signals_end_of_file())
        self.keep = (lifeline,)
        self._request_id = ""
        """Of the event that has no answer yet; empty if there is none."""
        self._event = b""
        """The reply to `next` that nobody has asked for yet."""
        self._waiting: _Connection | None = None
        self._connections: set[_Connection] = set()
        self._has_started = False
        loop = asyncio.get_running_loop()
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._sock.getsockname()[1]}"
        self.variables = {"AWS_LAMBDA_RUNTIME_API": self.address}
        # It listens already: who connects before the server is there waits in the backlog.
        self._serving = loop.create_task(
            loop.create_server(lambda: _Connection(self), sock=self._sock)
        )

    def started(self, pid: int) -> None:
        """Do nothing: it shares no descriptor with the emulator but the lifeline."""

    def send(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Hand an event to the runtime, which has asked for it."""
        headers = [
            b"Lambda-Runtime-Aws-Request-Id: " + invocation.request_id.encode(),
            b"Lambda-Runtime-Deadline-Ms: %d" % deadline_ms,
            b"Lambda-Runtime-Invoked-Function-Arn: " + self._arn,
            b"Lambda-Runtime-Trace-Id: " + invocation.trace_id.encode(),
        ]
        if invocation.client_context:
            # A line break would end the header; in JSON it is white space.
            context = invocation.client_context.replace(b"\r", b" ").replace(b"\n", b" ")
            headers.append(b"Lambda-Runtime-Client-Context: " + context)
        self._request_id = invocation.request_id
        self._event = _reply("200 OK", invocation.payload, *headers)
        self._deliver()
        return True

    def send_ahead(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Send nothing ahead: a runtime asks for each event."""
        del invocation, deadline_ms
        return False

    def take_back(self) -> set[str]:
        """Take back the event that nobody has asked for yet."""
        if not self._event:
            return set()
        request_id, self._request_id, self._event = self._request_id, "", b""
        return {request_id}

    def read(self) -> None:
        """Do nothing: answers come by connections, of which there is one at a time."""

    def close(self) -> None:
        """Stop listening and drop all connections."""
        if not self._serving.cancel():
            self._serving.result().close()
        self._sock.close()
        for connection in tuple(self._connections):
            connection.abort()

    # What connections call.

    def opened(self, connection: _Connection) -> None:
        """Know a connection."""
        self._connections.add(connection)

    def closed(self, connection: _Connection) -> None:
        """Forget a connection; an event that it took is not given again."""
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None

    def request(self, connection: _Connection, method: str, path: str, body: bytes | None) -> None:
        """Serve one request; `body` is None if it is longer than a response may be."""
        if method == "GET" and path == f"{_PREFIX}invocation/next":
            self._next(connection)
        elif method == "POST" and path == f"{_PREFIX}init/error":
            self._fail_init(connection, body)
        elif method == "POST" and (match := _ANSWER.fullmatch(path)):
            self._take_answer(connection, match[1], body, is_error=match[2] == "error")
        else:
            connection.reply(_NOT_FOUND)

    def _next(self, connection: _Connection) -> None:
        if self._request_id and not self._event:
            connection.reply(_state_error("InvocationResponse", "Ready"))
            return
        self._has_started = True
        if self._waiting is not None:
            self._waiting.abort()  # one event at a time: who asked last gets it
        self._waiting = connection
        if self._event:
            self._deliver()
        else:
            self._on_answer(READY, b"", None)

    def _deliver(self) -> None:
        connection = self._waiting
        if connection is not None:
            self._waiting = None
            event, self._event = self._event, b""
            connection.reply(event)

    def _take_answer(
        self, connection: _Connection, request_id: str, body: bytes | None, *, is_error: bool
    ) -> None:
        if not self._request_id or self._event:
            wanted = "InvocationErrorResponse" if is_error else "InvocationResponse"
            connection.reply(_state_error("Ready", wanted))
        elif request_id != self._request_id:
            connection.reply(_WRONG_ID)
        else:
            self._request_id = ""
            connection.reply(_TOO_LARGE if body is None else _ACCEPTED)
            if body is None:
                self._on_answer(ERROR, _RESPONSE_TOO_LARGE, None)
            else:
                self._on_answer(ERROR if is_error else RESULT, body, None)

    def _fail_init(self, connection: _Connection, body: bytes | None) -> None:
        if self._has_started:
            connection.reply(_state_error("Ready", "InitError"))
        else:
            self._has_started = True
            connection.reply(_ACCEPTED)
            self._on_answer(INIT_ERROR, body or b"{}", None)


def _state_error(state: str, wanted: str) -> bytes:
    text = f"State transition from {state} to {wanted} failed for runtime. Error: State transition"
    return _error("403 Forbidden", "InvalidStateTransition", f"{text} is not allowed")


class _Connection(asyncio.Protocol):
    """One HTTP connection of a runtime: requests one after the other, kept alive."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._is_answered = True
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._body: list[bytes] = []
        self._length = 0
        self._is_from_browser = False

    def reply(self, data: bytes) -> None:
        """Answer the request that was read last."""
        self._is_answered = True
        if self._transport is not None:
            self._transport.write(data)
            if not self._parser.should_keep_alive():
                self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._api.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._api.closed(self)

    # httptools

    def on_message_begin(self) -> None:
        """Start anew; a request behind one that waits for its event ends the connection."""
        if not self._is_answered:
            self.abort()
        self._is_answered = False
        self._begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look for what concerns us."""
        name = name.lower()
        if name in _FROM_BROWSERS or (name == b"host" and value != self._api.address.encode()):
            self._is_from_browser = True
        elif name == b"expect" and value.lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; what is too long is read and dropped."""
        self._length += len(body)
        if self._length <= MAX_RESPONSE_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Serve the request."""
        if self._is_from_browser:
            self.reply(_FROM_A_PAGE)
            return
        body = b"".join(self._body) if self._length <= MAX_RESPONSE_BYTES else None
        method = self._parser.get_method().decode()
        path = self._url.partition(b"?")[0].decode("latin-1")
        self._api.request(self, method, path, body)
