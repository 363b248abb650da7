"""What an environment writes to its stdout and stderr, line by line and by request.

Both are one pipe, so that their order stays. What a handler wrote before it returned is in that
pipe before its answer is on the socket; so whoever gets the answer drains the pipe first, and every
line of a request is out before its result. What a thread writes after that carries the request that
ran last, and counts for the next one's tail, as on Lambda, where the thread was frozen meanwhile.

Of a request that was sent ahead, output may be in the pipe before its predecessor's answer is
looked at. It begins with a mark (`bootstrap.Mark`). What doesn't come through Python's own streams
has none, and counts for the predecessor until that has ended.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Final, Self

from local_gateway.lambdas.bootstrap import MARK_END

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL_BYTES: Final = 4_096
"""How much of an invocation's log its result carries (Lambda API reference, `LogResult`)."""
LINE_BYTES: Final = 262_144
"""What is longer is cut into lines of this length, as CloudWatch's log events are. A line without
an end takes no more memory than this."""

_PIPE_BYTES = 65_536


class LogLine(str):
    """A line of a function's log, with the function's name and the request in front."""

    __slots__ = ("function", "request_id", "text")

    function: str
    request_id: str
    """Empty while the handler loads."""
    text: str
    """The line as the function wrote it."""

    def __new__(cls, label: str, request_id: str, text: str) -> Self:
        """Put the line together; `label` is the name, padded for a terminal."""
        line = super().__new__(cls, f"{label} {request_id or 'init    ':.8}  {text}")
        line.function, line.request_id, line.text = label.rstrip(), request_id, text
        return line


class Output:
    """The reading end of the pipe; `write_line` gets prefixed text without its end."""

    __slots__ = (
        "_current",
        "_fd",
        "_held",
        "_is_early",
        "_name",
        "_partial",
        "_poll",
        "_scans",
        "_tail",
        "_tails",
        "_token",
        "_write_line",
    )

    def __init__(
        self, fd: int, name: str, write_line: Callable[[str], None], *, token: bytes = b""
    ) -> None:
        """Take the pipe, which is closed by `close`; `name` precedes each line.

        `token` is what marks begin with.
        """
        os.set_blocking(fd, False)
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._name = name
        self._partial = b""
        self._tail = b""
        self._token = token
        self._current = ""  # the request whose output comes
        self._scans = False  # whether there may be marks
        self._held = b""  # what may be the beginning of a mark
        self._is_early = False  # the current one wrote before its predecessor was ended here
        self._tails: dict[str, bytes] = {}  # of those that it has overtaken
        self._write_line = write_line

    def fileno(self) -> int:
        """Return the pipe's descriptor."""
        return self._fd

    def begin(self, request_id: str) -> None:
        """Attribute what comes from now on to this request, unless one behind it writes already."""
        if request_id == self._current:
            self._is_early = False
        elif not self._is_early:
            self._turn_to(request_id)

    def expect_marks(self) -> None:
        """Know that requests are sent ahead from now on."""
        self._scans = True

    def end(self, request_id: str | None = None) -> bytes:
        """Read what the request wrote and return the last 4 KB of it; None is the last to begin.

        One read is enough: it asks for as much as the pipe holds. Most requests write nothing, and
        to ask first costs a third of a read that fails.
        """
        if self._poll.poll(0):
            self.read()
        if request_id is not None and request_id != self._current:
            # One behind it writes already, or it has written nothing.
            return self._tails.pop(request_id, b"")
        self._end_line()
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
        self.feed(data, is_cut=len(data) == _PIPE_BYTES)
        return True

    def feed(self, data: bytes, *, is_cut: bool = False) -> None:
        """Take bytes as written: whole lines go out, the rest waits for its end.

        `is_cut` says that they may end within a mark.
        """
        if not self._scans:
            self._feed(data)
            return
        data, self._held = self._held + data, b""
        while True:
            before, token, after = data.partition(self._token)
            request_id, end, rest = after.partition(MARK_END)
            if not end:
                break
            self._feed(before)
            self._overtake(request_id.decode())
            data = rest
        at = len(data)
        if is_cut:
            at = len(before) if token else _part_at(data, self._token)
        self._feed(data[:at])
        self._held = data[at:]

    def close(self) -> None:
        """Close the pipe; whoever still writes to it gets an error."""
        self._feed(self._held)
        self._end_line()
        os.close(self._fd)

    def _overtake(self, request_id: str) -> None:
        """Attribute what follows to a request that was sent ahead, unless it has begun here."""
        if request_id != self._current:
            self._end_line()
            self._tails[self._current], self._tail = self._tail, b""
            self._turn_to(request_id)
            self._is_early = True

    def _turn_to(self, request_id: str) -> None:
        self._current = request_id

    def _end_line(self) -> None:
        if self._partial:
            self._line(self._partial)
            self._partial = b""

    def _feed(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._partial) >= LINE_BYTES:
            self._end_line()

    def _line(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, LINE_BYTES):
            text = line[start : start + LINE_BYTES].decode(errors="replace").rstrip("\r")
            # A progress bar overwrites its line; each state of it is a line here.
            for part in text.split("\r"):
                self._write_line(LogLine(self._name, self._current, part))


def _part_at(data: bytes, token: bytes) -> int:
    """Return where the end of `data` may be the beginning of `token`, its length if nowhere."""
    at = data.rfind(token[:1], max(0, len(data) - len(token)))
    return at if at >= 0 and token.startswith(data[at:]) else len(data)
