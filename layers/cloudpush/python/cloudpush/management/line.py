"""One HTTP/1.1 keep-alive connection to the gateway, as an asyncio protocol.

A line has at most one exchange at a time: no pipelining, because a server may answer the first
of several requests and close, and nobody then knows which of the others it has acted on.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final, Protocol, cast

from cloudpush.management.answer import AnswerGarbled, AnswerReader

if TYPE_CHECKING:
    from cloudpush.management.answer import Answer
    from cloudpush.management.tls import TlsSession

_BUFFER_BYTES: Final = 4096
"""A typical answer has 300 bytes. asyncio's other kind of protocol allocates 256 KB a read."""

_UNACKNOWLEDGED_MS: Final = 5_000
"""How long the kernel waits for the acknowledgement of what was written.

An address translator that forgot a line swallows what is sent on it, without an answer: after
an environment was frozen, for one. TCP itself would try for a quarter of an hour."""


class ExchangeOwner(Protocol):
    """Who asked for an exchange, and is told what came of it."""

    def finish(self, exchange: Exchange, answer: Answer | str) -> None:
        """Take the answer, or the reason why there is none."""
        ...


class Exchange:
    """One request that waits for a line, or for its answer on one."""

    __slots__ = (
        "body",
        "connection_id",
        "follower",
        "index",
        "is_abandoned",
        "line",
        "method",
        "owner",
    )

    def __init__(
        self, owner: ExchangeOwner, index: int, method: str, connection_id: str, body: bytes
    ) -> None:
        self.owner = owner
        self.index = index
        self.method = method
        self.connection_id = connection_id
        self.body = body
        self.follower: Exchange | None = None
        """What must not go out before this one is finished."""
        self.line: Line | None = None
        """Where it is under way."""
        self.is_abandoned = False
        """Nobody waits for it any more; it must not be started."""


class LineOwner(Protocol):
    """What a line reports to."""

    def opened(self, line: Line) -> None:
        """The line can be used."""
        ...

    def answered(self, line: Line, answer: Answer) -> None:
        """The answer to `line.exchange` is whole."""
        ...

    def lost(self, line: Line) -> None:
        """The line is closed, by whomever; `line.exchange` has no answer if it is set."""
        ...


class Line(asyncio.BufferedProtocol):
    """A connection from `opened` to `lost`; its owner sets `exchange` by `start`.

    Args:
        owner: is told what happens, and of nothing else than a line that was opened.
        tls: of a line to a server of https.
    """

    def __init__(self, owner: LineOwner, tls: TlsSession | None = None) -> None:
        self._owner = owner
        self._tls = tls
        self._agreed: asyncio.Future[None] | None = (
            None if tls is None else asyncio.get_running_loop().create_future()
        )
        self._reader = AnswerReader()
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._transport: asyncio.Transport | None = None
        self.exchange: Exchange | None = None
        self.is_open = False
        self._was_opened = False
        self.has_answered = False
        """It carried an exchange before: the server may have closed it since, unseen."""
        self.has_heard = False
        """A byte came since the exchange was started: the server has taken the request."""
        self.idle_since_ms = 0
        self.fault = "the server closed the line"

    def start(self, exchange: Exchange, request: bytes) -> None:
        """Send a request; the owner hears `answered` or `lost`."""
        self.exchange = exchange
        self.has_heard = False
        exchange.line = self
        if self._tls is not None:
            request = self._tls.seal(request)
        cast("asyncio.Transport", self._transport).write(request)

    async def agree(self) -> None:
        """Wait until the line can be used; where that fails it is closed.

        Raises:
            OSError: TLS is not agreed.
        """
        if self._agreed is None:
            return
        try:
            await self._agreed
        except BaseException:
            self.abort("TLS was not agreed")
            raise

    def abort(self, fault: str) -> None:
        """Close at once; the owner hears `lost` in a later turn of the loop."""
        self.fault = fault
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def has_unsent(self) -> bool:
        """Tell whether the answer overtook its own request."""
        return cast("asyncio.Transport", self._transport).get_write_buffer_size() > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport: TCP is connected."""
        self._transport = cast("asyncio.Transport", transport)
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        if self._tls is None:
            self._open()
        else:
            self._tls.shake_hands()
            self._transport.write(self._tls.take_outgoing())

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the transport a buffer to read into."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read into the buffer."""
        data = self._buffer[:nbytes]
        tls = self._tls
        if tls is None:
            self._take(bytes(data))
            return
        said = self._decrypt(tls, data)
        if tls.is_over:
            self.is_open = False
        if said:
            self._take(said)
        if tls.is_over:
            self.eof_received()
            cast("asyncio.Transport", self._transport).close()

    def eof_received(self) -> None:
        """Take the end of the stream; the transport then closes itself."""
        self.is_open = False
        answer = self._reader.end()
        if answer is not None and self.exchange is not None:
            self._owner.answered(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end, whoever caused it."""
        self.is_open = False
        if exc is not None:
            self.fault = f"{type(exc).__name__}: {exc}"
        if self._was_opened:
            self._owner.lost(self)
        else:
            self._disagree(exc or ConnectionResetError(self.fault))

    def _take(self, data: bytes) -> None:
        self.has_heard = True
        if self.exchange is None:
            # Nothing was asked: a 408 for an idle line, or something worse.
            self.abort("bytes that nobody asked for")
            return
        try:
            answer = self._reader.feed(data)
        except AnswerGarbled as error:
            self.abort(f"garbled answer: {error}")
            return
        if answer is not None:
            self.has_answered = True
            self._owner.answered(self, answer)

    def _open(self) -> None:
        self.is_open = self._was_opened = True
        if self._agreed is not None and not self._agreed.done():
            self._agreed.set_result(None)
        self._owner.opened(self)

    def _disagree(self, error: Exception) -> None:
        if self._agreed is not None and not self._agreed.done():
            self._agreed.set_exception(error)
            self._agreed.exception()  # whoever waited is told; nobody may

    def _decrypt(self, tls: TlsSession, data: memoryview) -> bytes:
        """Return what the server says; the handshake, which comes first, is nothing of it."""
        try:
            said = tls.receive(data)
        except OSError as error:
            self._send_outgoing(tls)  # an alert
            self._disagree(error)
            self.abort(f"{type(error).__name__}: {error}")
            return b""
        self._send_outgoing(tls)
        if tls.is_agreed and not self._was_opened:
            self._open()
        return said

    def _send_outgoing(self, tls: TlsSession) -> None:
        outgoing = tls.take_outgoing()
        if outgoing:
            cast("asyncio.Transport", self._transport).write(outgoing)
