"""The server core: uvicorn with a small subclass that adds what ASGI hides.

`HttpProtocol` keeps the client's header case and the bytes behind an upgrade request, and lets an
application answer what needs no waiting without a task and a coroutine for it. An upgrade request
that it has parsed goes to an `Upgrade`, which uvicorn's own WebSocket protocols would write out and
parse again: about a third of what a handshake cost.

It leans on attributes that uvicorn does not promise; `test_server.py` holds it to them.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from local_gateway.errors import PortInUse, StartError
from local_gateway.limits import KEEP_ALIVE_SECONDS, MESSAGE_BYTES
from local_gateway.upgrade import Head, Upgrade

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

Reply: TypeAlias = "Callable[[bytes | None], bytes]"
"""Takes a request's body, None for one of more than `MESSAGE_BYTES`, and returns the response."""
Headers: TypeAlias = "Sequence[tuple[bytes, bytes]]"
"""A request's headers, their names in lower case."""
Direct: TypeAlias = "Callable[[str, bytes, Headers], Reply | None]"
"""Takes a request's method, target and headers, and returns what answers it. None leaves it to the
ASGI application, whose checks of a request a direct answer does not pass through."""

HEAD_BYTES = 65_536
"""What a request's head may have, give or take what one read brings; the parser has no limit."""
_HEAD_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)
_STOP_SECONDS = 2.5
_BACKLOG = 2_048


class State(ServerState):
    """What all protocols of one server share."""

    def __init__(self, direct: Direct | None) -> None:
        super().__init__()
        self.direct = direct
        self.all_gone = asyncio.Event()
        """Set when a connection goes and leaves none behind."""

    def remember(self, connection: object) -> None:
        """Put a connection in that is to end when the server stops."""
        cast("set[object]", self.connections).add(connection)

    def forget(self, connection: object) -> None:
        """Take a connection out that is gone, or that another protocol took over."""
        connections = cast("set[object]", self.connections)
        connections.discard(connection)
        if not connections:
            self.all_gone.set()


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which upgrades without losing anything of the request."""

    server_state: State
    raw_headers: list[tuple[bytes, bytes]]
    _reply: Reply | None = None
    _body: list[bytes]
    _body_length: int
    _is_in_head = False
    _head_length = 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.raw_headers = []
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Find out who answers, once the head is there."""
        self._is_in_head = False
        direct = self.server_state.direct
        if direct is not None and self._is_free():
            method = self.parser.get_method().decode("ascii")
            self._reply = direct(method, self.url, self.headers)
        if self._reply is None:
            super().on_headers_complete()
        else:
            self._body, self._body_length = [], 0

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body, as far as it is not too long anyway."""
        if self._reply is None:
            super().on_body(body)
            return
        self._body_length += len(body)
        if self._body_length <= MESSAGE_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer, if it is for us to answer."""
        reply, self._reply = self._reply, None
        if reply is None:
            super().on_message_complete()
            return
        is_small = self._body_length <= MESSAGE_BYTES
        body = b"".join(self._body) if is_small else None
        self._body = []
        self.transport.write(reply(body))
        if self.parser.should_keep_alive():
            self.on_response_complete()
        else:
            self.transport.close()

    def _is_free(self) -> bool:
        """Tell whether a direct answer would come in order, and find a client that reads."""
        if self.parser.should_upgrade() or self.expect_100_continue or self.flow.write_paused:
            return False
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header as it came, which uvicorn writes in lower case."""
        self.raw_headers.append((name, value))
        super().on_header(name, value)

    def data_received(self, data: bytes) -> None:
        """Parse bytes; those behind an upgrade request belong to the WebSocket."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.upgrade(data[upgrade.args[0] :])
            # Else it is an ordinary request, which has been dispatched.
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        self._head_length = self._head_length + len(data) if self._is_in_head else 0
        if self._head_length > HEAD_BYTES:
            self.transport.write(_HEAD_TOO_LONG)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let a stopping server know."""
        super().connection_lost(exc)
        self.server_state.forget(self)

    def abort(self) -> None:
        """Cut the connection without a word."""
        self.transport.abort()

    def upgrade(self, rest: bytes) -> None:
        """Put an `Upgrade` in this protocol's place."""
        head = Head(self.scope["method"], self.url, self.headers, self.raw_headers)
        upgrade = Upgrade(self.transport, self.server_state, head, rest)
        self.server_state.forget(self)
        # The parser's callbacks are methods of this object: without this the two of them, and the
        # request, stay until the garbage collector comes by.
        self.parser = cast("httptools.HttpRequestParser", None)
        app = cast("App", self.app)  # pyright: ignore[reportUnknownMemberType] — uvicorn leaves it open
        upgrade.begin(app, head, cast("Scope", self.scope))


class Server:
    """An HTTP and WebSocket server on one port, for one ASGI application.

    It runs on the event loop that it is started on, which should be uvloop's.
    """

    def __init__(
        self,
        app: App,
        *,
        host: str = "127.0.0.1",
        port: int = 3000,
        direct: Direct | None = None,
    ) -> None:
        """Take the application and the address; port 0 is any free one.

        `direct` is asked first about each HTTP request, and must not block.
        """
        self._host = host
        self._port = port
        self._config = uvicorn.Config(
            cast("Any", app),
            interface="asgi3",
            http=HttpProtocol,
            ws=Upgrade,  # never made by uvicorn, which takes upgrades for possible by it
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
        )
        self._state = State(direct)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on: the one asked for, or the one that was free."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            PortInUse: Another process listens there.
            StartError: This machine has no such address, or keeps the port from us.
        """
        if not self._config.loaded:
            self._config.load()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._new_protocol, self._host, self._port, backlog=_BACKLOG
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(self._host, self._port) from error
            raise StartError(f"port {self._port} on {self._host}: {error.strerror}") from error
        self._port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, let every connection end, and cut those that don't within 2.5 s.

        WebSocket connections are told 1001 by their listeners; a server that isn't started, or has
        stopped, has nothing to do.
        """
        if self._server is None:
            return
        self._server.close()
        self._server = None
        connections = cast("set[_Stoppable]", self._state.connections)
        self._state.all_gone.clear()
        for connection in list(connections):
            connection.shutdown()
        if connections:
            try:
                await asyncio.wait_for(self._state.all_gone.wait(), _STOP_SECONDS)
            except TimeoutError:
                for connection in list(connections):
                    connection.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _new_protocol(self) -> HttpProtocol:
        return HttpProtocol(config=self._config, server_state=self._state, app_state={})


class _Stoppable(Protocol):
    def shutdown(self) -> None: ...

    def abort(self) -> None: ...
