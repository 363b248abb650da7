"""The emulator's end of the socket to one environment: frames in, frames out, never blocking.

The frames are `bootstrap`'s. No transport of asyncio stands between: one `send` and one `recv` per
event is all there is to do, and whoever gets an answer reads the log before anybody else runs.

Where the platform has sockets that keep packets apart, an event of one packet may be sent while its
predecessor is still being handled. The environment reads one packet at a time, so until it has
taken the event, `take_back` may: the emulator keeps the other end open too, and of the two readers
the kernel gives a packet to one. Elsewhere nothing is sent ahead.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Final

from local_gateway.lambdas.bootstrap import ANSWER, PACKET_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.lambdas.transport import OnAnswer

KEEPS_PACKETS: Final = sys.platform == "linux"
"""Whether sockets keep packets apart here, so that events can be sent ahead."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return the emulator's end and the environment's."""
    kind = socket.SOCK_SEQPACKET if KEEPS_PACKETS else socket.SOCK_STREAM
    return socket.socketpair(socket.AF_UNIX, kind)


class Channel:
    """A connected socket, its answers as calls of `on_answer(kind, payload, took_us)`.

    `on_lost` is called once when the other side is gone or sends what is no answer; after that
    nothing is called any more. `close` is left to the owner.
    """

    __slots__ = (
        "_filled",
        "_kind",
        "_large",
        "_loop",
        "_on_answer",
        "_on_lost",
        "_sock",
        "_theirs",
        "_took_us",
        "_unsent",
    )

    def __init__(
        self,
        sock: socket.socket,
        theirs: socket.socket | None = None,
        *,
        on_answer: OnAnswer,
        on_lost: Callable[[], None],
    ) -> None:
        """Take over the socket and, where packets are kept apart, the environment's end of it."""
        sock.setblocking(False)  # noqa: FBT003 — the argument has no name
        self._sock = sock
        self._theirs = theirs
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._unsent = memoryview(b"")
        self._kind = self._took_us = 0
        self._filled = 0
        self._large: memoryview | None = None
        """An answer that did not come in one piece, of which `_filled` bytes are there."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._readable)

    def send(self, frame: bytes) -> bool:
        """Send a frame, what doesn't fit at once later; False if the other side is gone."""
        try:
            sent = self._sock.send(frame if len(frame) <= PACKET_BYTES else frame[:PACKET_BYTES])
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        if sent < len(frame):
            self._unsent = memoryview(frame)[sent:]
            self._loop.add_writer(self._sock, self._writable)
        return True

    def send_ahead(self, frame: bytes) -> bool:
        """Send a frame that the environment is to find when it has answered.

        False, and nothing is sent, if it can't be one packet, or can't be sent now.
        """
        if self._theirs is None or len(frame) > PACKET_BYTES or self._unsent:
            return False
        try:
            return self._sock.send(frame) == len(frame)
        except OSError:
            return False

    def take_back(self) -> bytes:
        """Take back the first frame that the environment hasn't taken; nothing if there is none.

        Between two calls the environment may take one.
        """
        if self._theirs is None:
            return b""
        try:
            return self._theirs.recv(PACKET_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            return b""

    def read(self) -> None:
        """Handle the answers that are there."""
        while self._sock.fileno() >= 0 and self._readable():
            pass

    def close(self) -> None:
        """Close the socket; may be called twice."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()
        if self._theirs is not None:
            self._theirs.close()

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent[:PACKET_BYTES])
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)  # the reader learns it too
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def _readable(self) -> bool:
        """Handle what is there; return whether there may be more."""
        try:
            data = self._sock.recv(PACKET_BYTES) if self._large is None else self._fill(self._large)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data is None:
            return True
        if len(data) < ANSWER.size:
            # Never half a header: it is written with what follows, and a socket cuts far behind it.
            self._lose()
            return False
        kind, length, took_us = ANSWER.unpack_from(data)
        there = len(data) - ANSWER.size
        if there == length:
            self._on_answer(kind, data[ANSWER.size :], took_us)
        elif there > length:
            self._lose()
        else:
            self._kind, self._took_us, self._filled = kind, took_us, there
            self._large = memoryview(bytearray(length))
            self._large[:there] = data[ANSWER.size :]
        return True

    def _fill(self, large: memoryview) -> bytes | None:
        """Read more of a large answer; return b"" at the end of file, else None."""
        received = self._sock.recv_into(large[self._filled :])
        if not received:
            return b""
        self._filled += received
        if self._filled == len(large):
            self._large = None
            self._on_answer(self._kind, bytes(large), self._took_us)
        return None

    def _lose(self) -> None:
        self._loop.remove_reader(self._sock)
        self._on_lost()
