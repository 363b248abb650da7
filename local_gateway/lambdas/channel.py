"""The emulator's end of the socket to one environment: frames in, frames out, never blocking.

The frames are `bootstrap`'s. No transport of asyncio stands between: one `send` and one `recv` per
event is all there is to do, and whoever gets an answer reads the log before anybody else runs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local_gateway.lambdas.bootstrap import ANSWER

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_CHUNK = 65_536


class Channel:
    """A connected socket, its answers as calls of `on_answer(kind, payload)`.

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
        "_unsent",
    )

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_answer: Callable[[int, bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Take over the socket."""
        sock.setblocking(False)  # noqa: FBT003 — the argument has no name
        self._sock = sock
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._unsent = memoryview(b"")
        self._kind = 0
        self._filled = 0
        self._large: memoryview | None = None
        """An answer that did not come in one piece, of which `_filled` bytes are there."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._readable)

    def send(self, frame: bytes) -> bool:
        """Send a frame, what doesn't fit at once later; False if the other side is gone."""
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        if sent < len(frame):
            self._unsent = memoryview(frame)[sent:]
            self._loop.add_writer(self._sock, self._writable)
        return True

    def close(self) -> None:
        """Close the socket; may be called twice."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)  # the reader learns it too
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_CHUNK) if self._large is None else self._fill(self._large)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data is None:
            return
        if len(data) < ANSWER.size:
            # Never half a header: it is written with what follows, and a socket cuts far behind it.
            self._lose()
            return
        kind, length = ANSWER.unpack_from(data)
        there = len(data) - ANSWER.size
        if there == length:
            self._on_answer(kind, data[ANSWER.size :])
        elif there > length:
            self._lose()
        else:
            self._kind, self._filled = kind, there
            self._large = memoryview(bytearray(length))
            self._large[:there] = data[ANSWER.size :]

    def _fill(self, large: memoryview) -> bytes | None:
        """Read more of a large answer; return b"" at the end of file, else None."""
        received = self._sock.recv_into(large[self._filled :])
        if not received:
            return b""
        self._filled += received
        if self._filled == len(large):
            self._large = None
            self._on_answer(self._kind, bytes(large))
        return None

    def _lose(self) -> None:
        self._loop.remove_reader(self._sock)
        self._on_lost()
