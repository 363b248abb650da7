"""The WebSocket client that tests talk through: every message is kept, and nothing is sent unasked.

It answers pings and closes as RFC 6455 wants it, and else does what it is told. What has come is in
`messages` as soon as the event loop has read it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from local_gateway.limits import MESSAGE_BYTES
from local_gateway.testing.errors import HandshakeRefused
from local_gateway.wire import unread_bytes, unsent_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NORMAL = 1000


class ClientWire(asyncio.Protocol):
    """One connection, from the handshake to its end."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str], subprotocols: Iterable[str]
    ) -> None:
        """Take what the handshake says."""
        offered = [Subprotocol(name) for name in subprotocols]
        self._protocol = ClientProtocol(
            parse_uri(url), subprotocols=offered or None, max_size=MESSAGE_BYTES
        )
        self._headers = headers
        self._fragments: list[bytes] = []
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.messages: list[str | bytes] = []
        """What has come and nobody has taken, the oldest first."""
        self.is_lost = False

    @property
    def address(self) -> tuple[str, int]:
        """This end, as the gateway sees it."""
        host, port, *_ = self._transport.get_extra_info("sockname")
        return host, port

    @property
    def subprotocol(self) -> str | None:
        """What the 101 chose."""
        return self._protocol.subprotocol

    @property
    def closed_with(self) -> tuple[int, str] | None:
        """The code and reason of the gateway's close frame; 1006 without one, None while open."""
        received = self._protocol.close_rcvd
        if received is not None:
            return int(received.code), received.reason
        return (1006, "") if self.is_lost else None

    @property
    def unread_bytes(self) -> int:
        """How many bytes have come that the event loop hasn't read."""
        return 0 if self.is_lost else unread_bytes(self._transport)

    @property
    def unsent_bytes(self) -> int:
        """How many bytes were sent that the gateway's machine has not taken."""
        return 0 if self.is_lost else unsent_bytes(self._transport)

    async def changed(self) -> None:
        """Wait until something has come, or the connection has ended."""
        self._changed.clear()
        await self._changed.wait()

    def send(self, data: str | bytes) -> None:
        """Send one message: text for a text, binary for bytes."""
        if isinstance(data, str):
            self._protocol.send_text(data.encode())
        else:
            self._protocol.send_binary(data)
        self._flush()

    def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Send a close frame, unless the connection has ended; the gateway's answer follows."""
        if self.closed_with is None:
            self._protocol.send_close(code, reason)
            self._flush()

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._transport.abort()

    def hold(self) -> None:
        """Read nothing more."""
        self._transport.pause_reading()

    def release(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        request = self._protocol.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Keep what has come."""
        self._protocol.receive_data(data)
        self._read()

    def eof_received(self) -> None:
        """Learn that nothing more comes."""
        self._protocol.receive_eof()
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is gone."""
        del exc
        self.is_lost = True
        if not self.opened.done():
            self.opened.set_exception(HandshakeRefused(0, ""))
        self._changed.set()

    def _read(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._open(event)
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()
        self._changed.set()

    def _open(self, response: Response) -> None:
        error = self._protocol.handshake_exc
        if error is None:
            self.opened.set_result(None)
        elif isinstance(error, InvalidStatus):
            body = bytes(response.body).decode("utf-8", "replace")
            self.opened.set_exception(HandshakeRefused(response.status_code, body))
        else:
            self.opened.set_exception(error)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            return
        self._fragments.append(bytes(frame.data))
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        if frame.fin:
            data = b"".join(self._fragments)
            self._fragments.clear()
            self.messages.append(data.decode() if self._is_text else data)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()
        if self._protocol.close_expected():
            self._transport.close()
