"""Handshakes on a real server, with applications of their own; AWS's part is in conformance."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from local_gateway.limits import FRAME_BYTES
from local_gateway.server import Server, State
from local_gateway.upgrade import UPGRADE, Head, Upgrade, read_request, write_refusal
from tests.fakes.gateway import read_response
from tests.fakes.transport import RecordingTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from local_gateway.server import App, Receive, Scope, Send
    from local_gateway.upgrade import PendingUpgrade
    from local_gateway.wire import Wire

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
"""The answer to the key of RFC 6455, 1.3."""


def request(
    *extra: str,
    method: str = "GET",
    target: str = "/dev",
    key: str = "dGhlIHNhbXBsZSBub25jZQ==",
    version: str = "13",
) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {version}",
    ]
    return "\r\n".join((*lines, *extra, "", "")).encode("latin-1")


class Texts:
    """A listener that keeps texts."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()

    def on_open(self, wire: Wire) -> None:
        del wire

    @property
    def frame_bytes(self) -> int:
        return FRAME_BYTES

    @property
    def counts_pings(self) -> bool:
        return True

    def on_text(self, text: str) -> None:
        self.texts.put_nowait(text)

    def on_binary(self) -> None: ...

    def on_close(self, code: int, reason: str) -> None: ...

    def on_failure(self, code: int, reason: str) -> None: ...

    def on_lost(self) -> None:
        self.texts.put_nowait(None)

    def on_shutdown(self) -> None: ...


class Accepting:
    """An application that accepts, with a subprotocol or without."""

    def __init__(self, subprotocol: str | None = None) -> None:
        self.scopes: list[Scope] = []
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.listener = Texts()
        self._subprotocol = subprotocol

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del send
        assert await receive() == {"type": "websocket.connect"}
        pending: PendingUpgrade = scope["extensions"][UPGRADE]
        self.scopes.append(scope)
        self.raw_headers.extend(pending.raw_headers)
        pending.accept(self.listener, self._subprotocol)


@asynccontextmanager
async def serving(app: App) -> AsyncGenerator[Server]:
    server = Server(app, port=0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def answer(app: App, data: bytes) -> bytes:
    """Return the head of what a handshake is answered with."""
    async with serving(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    return head


async def refusal(app: App, data: bytes) -> tuple[int, bytes]:
    """Return the whole of a refusal, after which the connection has to end."""
    async with serving(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        response = await read_response(reader)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert response.headers["connection"] == "close"
    return response.status, response.body


async def test_accepted_handshake_has_these_bytes() -> None:
    assert await answer(Accepting(), request()) == ACCEPTED + b"\r\n"


async def test_accepted_subprotocol_is_behind_the_rest() -> None:
    head = await answer(Accepting("chat"), request("Sec-WebSocket-Protocol: chat"))

    assert head == ACCEPTED + b"Sec-WebSocket-Protocol: chat\r\n\r\n"


async def test_scope_says_what_asgi_asks_for() -> None:
    app = Accepting()
    extra = ("Sec-WebSocket-Protocol: a, b", "sec-websocket-protocol: c", "X-Note: caf\xe9")

    await answer(app, request(*extra, target="/d%65v?a=%20&b"))

    (scope,) = app.scopes
    assert (scope["type"], scope["scheme"], scope["http_version"]) == ("websocket", "ws", "1.1")
    assert (scope["path"], scope["raw_path"]) == ("/dev", b"/d%65v")
    assert scope["query_string"] == b"a=%20&b"
    assert scope["subprotocols"] == ["a", "b", "c"]
    assert scope["client"][0] == scope["server"][0] == "127.0.0.1"
    assert (b"x-note", b"caf\xe9") in scope["headers"]


async def test_headers_keep_their_case() -> None:
    app = Accepting()

    await answer(app, request("x-Case: 1", "X-CASE: 2"))

    assert app.raw_headers[-2:] == [(b"x-Case", b"1"), (b"X-CASE", b"2")]


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (request(method="POST"), 405, b"unsupported HTTP method"),
        (request(key="short"), 400, b"Sec-WebSocket-Key"),
        (request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, b"multiple values"),
        (request(version="8"), 400, b"Sec-WebSocket-Version"),
        (request("Upgrade: websocket"), 426, b"Upgrade"),
        (request("Origin: a", "Origin: b"), 400, b"Origin"),
        (request(target="/" + "x" * 8_192), 414, b""),
        (request("X-Long: " + "x" * 8_192), 431, b""),
        (request(*(f"X-{number}: 1" for number in range(130))), 431, b""),
        (request("Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, b"valid HTTP request"),
        (request("Content-Length: 2") + b"{}", 400, b"valid HTTP request"),
    ],
)
async def test_handshake_that_is_not_valid_is_refused_by_the_library(
    data: bytes, status: int, says: bytes
) -> None:
    app = Accepting()

    code, body = await refusal(app, data)

    assert (code, app.scopes) == (status, [])
    assert says in body


@pytest.mark.parametrize(
    "extra", [("Content-Length: 0",), ("X-A: " + "x" * 5_000, "X-B: " + "x" * 5_000)]
)
async def test_handshake_of_an_unusual_shape_is_accepted(extra: tuple[str, ...]) -> None:
    assert await answer(Accepting(), request(*extra)) == ACCEPTED + b"\r\n"


async def test_refused_handshake_leaves_no_trace_in_the_next() -> None:
    async with serving(Accepting()) as server:
        for data, status in ((request(version="8"), 400), (request(), 101)):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(data)
            assert (await read_response(reader)).status == status
            writer.close()
            await writer.wait_closed()


class Parser:
    """What the server core's parser makes of a request: a head, or nothing."""

    def __init__(self, data: bytes) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._is_complete = False
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_upgrade = self._is_complete
        except httptools.HttpParserError:
            self.is_upgrade = False
        else:
            self.is_upgrade = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_complete = True

    @property
    def head(self) -> Head:
        headers = [(name.lower(), value) for name, value in self.headers]
        method = self._parser.get_method().decode()
        return Head(method, self.target, headers, self.headers)


def read_by_library(head: Head) -> Request | None:
    library = ServerProtocol()
    lines = [head.method.encode() + b" " + head.target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in head.raw_headers]
    library.receive_data(b"\r\n".join((*lines, b"", b"")))
    return next((each for each in library.events_received() if isinstance(each, Request)), None)


bytes_of_a_line = st.text(st.characters(max_codepoint=255), max_size=20)
names = st.one_of(
    st.sampled_from(["Content-Length", "transfer-encoding", "X-a", "x-A", "Origin"]),
    bytes_of_a_line,
)
values = st.one_of(
    st.sampled_from(["0", "1", "chunked", " \t x\t ", "", "x" * 4_090]), bytes_of_a_line
)


@given(
    st.sampled_from(["GET", "POST", "BREW", "OPTIONS"]),
    bytes_of_a_line,
    st.lists(st.tuples(names, values), max_size=4),
)
@example("GET", "", [("X", "\x7f")])
@example("GET", "", [("X", "a\r\n b")])
@example("GET", "", [("X ", "a")])
@example("GET", "\xe9", [])
@example("GET", "x" * 9_000, [])
@example("GET", "", [("X", "x" * 9_000)])
@example("GET", "", [("X", "1")] * 130)
def test_request_is_what_the_library_would_read(
    method: str, target: str, extra: list[tuple[str, str]]
) -> None:
    lines = [f"{name}: {value}" for name, value in extra]
    parsed = Parser(request(*lines, method=method, target="/" + target))
    if not parsed.is_upgrade:
        return

    read = read_request(parsed.head)

    expected = read_by_library(parsed.head)
    if expected is None:
        assert isinstance(read, bytes)
        assert read.startswith(b"HTTP/1.1 4")
    else:
        assert isinstance(read, Request)
        assert (read.method, read.path) == (expected.method, expected.path)
        assert list(read.headers.raw_items()) == list(expected.headers.raw_items())


async def test_close_of_asgi_is_403() -> None:
    async def close(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "websocket.close"})

    assert await refusal(close, request()) == (403, b"")


async def test_refusal_of_asgi_is_sent_once_with_its_body() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = [(b"X-Mine", b"1")]
        start = {"type": "websocket.http.response.start", "status": 418, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"tea", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"pot"})
        await send({"type": "websocket.close"})

    assert await refusal(refuse, request()) == (418, b"teapot")


def test_refusal_has_the_headers_that_it_can_not_be_without() -> None:
    response = write_refusal(403, [("Date", "today"), ("x-a", "1")], b"no")

    assert response == (
        b"HTTP/1.1 403 Forbidden\r\nDate: today\r\nx-a: 1\r\nConnection: close\r\n"
        b"Content-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nno"
    )


@pytest.mark.parametrize("kind", [None, "websocket.accept", "websocket.http.response.body"])
async def test_handshake_that_the_application_leaves_open_is_500(
    caplog: pytest.LogCaptureFixture, kind: str | None
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        if kind is not None:
            await send({"type": kind})

    assert (await refusal(fail, request()))[0] == 500
    assert caplog.records


async def test_handshake_during_a_stop_is_500() -> None:
    asked = asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        asked.set()
        await asyncio.Event().wait()

    async with serving(hang) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request())
        await asked.wait()
        await server.stop()
        response = await read_response(reader)
        writer.close()
        await writer.wait_closed()

    assert response.status == 500


async def test_stopped_server_cuts_a_client_that_does_not_read_its_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_gateway.server._STOP_SECONDS", 0.05)
    refused = asyncio.Event()

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": bytes(50_000_000)})
        refused.set()

    async with serving(refuse) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request())
        await refused.wait()
        await server.stop()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(50_000_000)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


class Transport(RecordingTransport):
    """Keeps the protocol too."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


def make_upgrade(rest: bytes = b"") -> tuple[Upgrade, Transport]:
    transport = Transport()
    return Upgrade(transport, State(None), Head("GET", b"/", [], []), rest), transport


async def test_hasty_client_is_not_read_from_without_end() -> None:
    upgrade, transport = make_upgrade(bytes(60_000))

    reading = [transport.is_reading_now]
    upgrade.data_received(bytes(10_000))
    reading.append(transport.is_reading_now)
    upgrade.accept(Texts())
    reading.append(transport.is_reading_now)

    assert reading == [True, False, True]


async def test_client_that_is_gone_is_not_answered() -> None:
    upgrade, transport = make_upgrade()
    listener = Texts()

    upgrade.connection_lost(None)
    upgrade.accept(listener)

    assert await listener.texts.get() is None
    assert transport.written == b""
    assert transport.protocol is upgrade
