"""What threads say to the event loop, and what they print on the way."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from local_gateway.lambdas.output import LogLine

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from local_gateway.lambdas.inline.environment import InlineEnvironment
    from local_gateway.lambdas.invocation import Invocation

PRINTED: Final = -1
"""The kind of a word that says that there are lines to be shown."""
EXITED: Final = -2
"""The kind of a word that says that the thread ends: `sys.exit`, or worse."""
TAIL_CHARACTERS: Final = 4_096


class Word(NamedTuple):
    """What an environment says."""

    environment: InlineEnvironment
    kind: int
    """One of `bootstrap`'s kinds of answers, `PRINTED` or `EXITED`."""
    payload: bytes = b""
    invocation: Invocation | None = None
    """The event that it answers."""
    tail: bytes = b""
    """The last 4 KB of what it printed."""
    duration_ms: float = 0.0
    is_cold: bool = False
    exit_status: int = 0


class Owner(Protocol):
    """Who hears of it."""

    def hear(self, words: Sequence[Word]) -> None:
        """Take words on the event loop, the first first."""
        ...


class Mouth:
    """How threads speak to the event loop: it is woken once for all that was said meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        """Take who is spoken to."""
        self._loop = loop
        self._owner = owner
        self._words: deque[Word] = deque()
        self._is_awake = False

    def say(self, word: Word) -> None:
        """Say a word, from any thread."""
        self._words.append(word)
        if not self._is_awake:
            # Two threads may both see it asleep: woken twice, it finds nothing the second time.
            self._is_awake = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(self._listen)

    def _listen(self) -> None:
        # Asleep first: what is said from here on wakes it again, or is among the words below.
        self._is_awake = False
        words: list[Word] = []
        while self._words:
            words.append(self._words.popleft())
        if words:
            self._owner.hear(words)


class Lines:
    """What one environment prints, from any of its threads, line by line and by request."""

    def __init__(self, label: str, write_line: Callable[[str], None]) -> None:
        """Take what precedes each line, and what takes it on the event loop."""
        self._label = label
        self._write_line = write_line
        self._lock = threading.Lock()
        self._request_id = ""
        self._whole: list[LogLine] = []
        self._partial = ""
        self._tail = ""

    def begin(self, request_id: str) -> None:
        """Attribute what comes from now on to this request."""
        with self._lock:
            self._request_id = request_id

    def add(self, text: str) -> bool:
        """Take text as printed; return whether there are lines, and nobody was told."""
        with self._lock:
            was_empty = not self._whole
            self._tail = (self._tail + text)[-TAIL_CHARACTERS:]
            *lines, self._partial = (self._partial + text).split("\n")
            self._whole += [LogLine(self._label, self._request_id, line) for line in lines]
            return was_empty and bool(lines)

    def show(self) -> None:
        """Write the whole lines."""
        with self._lock:
            lines, self._whole = self._whole, []
        for line in lines:
            self._write_line(line)

    def end(self) -> bytes:
        """Return the last 4 KB of what the request printed; a line without an end has one now."""
        if not self._tail:
            return b""
        with self._lock:
            if self._partial:
                self._whole.append(LogLine(self._label, self._request_id, self._partial))
                self._partial = ""
            tail, self._tail = self._tail, ""
        return tail.encode(errors="replace")[-TAIL_CHARACTERS:]
