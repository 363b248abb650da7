"""What an environment writes to its stdout and stderr, line by line and by request.

Both are one pipe, so that their order stays. What a handler wrote before it returned is in that
pipe before its answer is on the socket; so whoever gets the answer drains the pipe first, and every
line of a request is out before its result. What a thread writes after that carries the request that
ran last, and counts for the next one's tail, as on Lambda, where the thread was frozen meanwhile.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL_BYTES: Final = 4_096
"""How much of an invocation's log its result carries (Lambda API reference, `LogResult`)."""
LINE_BYTES: Final = 262_144
"""What is longer is cut into lines of this length, as CloudWatch's log events are. A line without
an end takes no more memory than this."""

_PIPE_BYTES = 65_536


class Output:
    """The reading end of the pipe; `write_line` gets prefixed text without its end."""

    __slots__ = ("_fd", "_head", "_name", "_partial", "_poll", "_tail", "_write_line")

    def __init__(self, fd: int, name: str, write_line: Callable[[str], None]) -> None:
        """Take the pipe, which is closed by `close`; `name` precedes each line."""
        os.set_blocking(fd, False)
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._name = name
        self._head = f"{name} init      "
        self._partial = b""
        self._tail = b""
        self._write_line = write_line

    def fileno(self) -> int:
        """Return the pipe's descriptor."""
        return self._fd

    def begin(self, request_id: str) -> None:
        """Attribute what comes from now on to this request."""
        self._head = f"{self._name} {request_id:.8}  "

    def end(self) -> bytes:
        """Read what the request wrote and return the last 4 KB of it.

        One read is enough: it asks for as much as the pipe holds. Most requests write nothing, and
        to ask first costs a third of a read that fails.
        """
        if self._poll.poll(0):
            self.read()
        if self._partial:
            self._line(self._partial)
            self._partial = b""
        tail, self._tail = self._tail, b""
        return tail

    def read(self) -> bool:
        """Take what is in the pipe, up to 64 KB; return False at its end."""
        try:
            data = os.read(self._fd, _PIPE_BYTES)
        except (BlockingIOError, InterruptedError):
            return True
        if not data:
            return False
        self.feed(data)
        return True

    def feed(self, data: bytes) -> None:
        """Take bytes as written: whole lines go out, the rest waits for its end."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._partial) >= LINE_BYTES:
            self._line(self._partial)
            self._partial = b""

    def close(self) -> None:
        """Close the pipe; whoever still writes to it gets an error."""
        os.close(self._fd)

    def _line(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, LINE_BYTES):
            text = line[start : start + LINE_BYTES].decode(errors="replace").rstrip("\r")
            # A progress bar overwrites its line; each state of it is a line here.
            for part in text.split("\r"):
                self._write_line(self._head + part)
