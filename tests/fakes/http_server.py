"""A real HTTP/1.1 server on the test's own loop that answers as its script says."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping


def answer(
    status: int = 200, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return an answer with a `Content-Length`, as the gateway sends them."""
    fields = {"Date": "Mon, 06 Jan 2025 10:00:00 GMT", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in (fields | dict(headers or {})).items()]
    return f"HTTP/1.1 {status} Some Reason\r\n{''.join(lines)}\r\n".encode() + body


class Reply(NamedTuple):
    """What the server does once it has read a request."""

    pieces: Iterable[bytes] = (answer(),)
    """Written one by one, with turns of the loop in between."""
    closes: bool = False
    """Close the line afterwards."""
    after: asyncio.Event | None = None
    """Wait for this first."""
    is_early: bool = False
    """Answer when the head is there, and never read the body."""


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    line: int
    """The how-manieth line it came on, from 0."""

    @property
    def connection_id(self) -> str:
        """The last segment of the path, decoded."""
        return unquote(self.path.rpartition("/")[2])


class ScriptedServer:
    """Started by `async with`; `replies` of a connection id are used up one by one, then 200."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, port: int = 0) -> None:
        self._tls = tls
        self.port = port
        """Where it listens; 0 becomes a free one."""
        self.replies: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self.requests: list[Request] = []
        self.came = asyncio.Event()
        """Set with each request; whoever waits clears it."""
        self.opened = 0
        """How many lines were ever opened."""
        self.most_pending = 0
        """How many requests waited for their answer at the same time, at most."""
        self.all_pending = asyncio.Event()
        """Set once `expected_pending` requests wait at the same time."""
        self.expected_pending = 0
        self.no_lines = asyncio.Event()
        """Set while no line is open."""
        self._pending = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets in the next turn
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The server as an endpoint with a stage."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/dev"

    def script(self, connection_id: str, *replies: Reply | bytes) -> None:
        """Add to what posts to this connection are answered with; bytes are one whole answer."""
        self.replies[connection_id].extend(
            Reply([reply]) if isinstance(reply, bytes) else reply for reply in replies
        )

    def stop_listening(self) -> None:
        """Refuse new lines; those that are open stay."""
        self._server.close()

    def abort_lines(self) -> None:
        """Drop every line without a word; nobody has seen it before the loop turns."""
        for writer in self._writers:
            writer.transport.abort()

    def bodies_for(self, connection_id: str) -> list[bytes]:
        """Return what was posted to a connection, in order."""
        return [each.body for each in self.requests if each.connection_id == connection_id]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.no_lines.clear()
        line, self.opened = self.opened, self.opened + 1
        try:
            while await self._answer_one(line, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client closed the line
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            if not self._writers:
                self.no_lines.set()
            writer.close()

    async def _answer_one(
        self, line: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in head[1:-2])
        }
        request = Request(method, path, headers, b"", line)
        replies = self.replies[request.connection_id]
        reply = replies.popleft() if replies else Reply()
        if not reply.is_early:
            body = await reader.readexactly(int(headers["content-length"]))
            request = request._replace(body=body)
        self.requests.append(request)
        self.came.set()
        self._pending += 1
        self.most_pending = max(self.most_pending, self._pending)
        if self._pending == self.expected_pending:
            self.all_pending.set()
        try:
            if reply.after is not None:
                await reply.after.wait()
        finally:
            self._pending -= 1
        for piece in reply.pieces:
            writer.write(piece)
            await asyncio.sleep(0)  # the client reads this piece before the next is written
            await asyncio.sleep(0)
        return not reply.closes
