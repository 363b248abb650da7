"""What the emulator says to who runs it: text, or with `--json-logs` a JSON object in each line.

The table of the start and `ready` go to standard output, everything else to standard error.
`ready` is alone on its line either way: scripts wait for it.

    kind       beside time and text
    function   function, requestId (empty while the handler loads): a line of its log
    why        clause, place, id, times
    gateway    level: what the emulator says of itself
    banner     the table of routes and URLs, one object in all
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from local_gateway import clock
from local_gateway.lambdas.output import LogLine
from local_gateway.terminal import one_line, printable

if TYPE_CHECKING:
    from local_gateway.why import Said


class Console(Protocol):
    """Takes what is to be said."""

    def log(self, line: str) -> None:
        """Say a line of a function's log, or one about a reload."""
        ...

    def why(self, said: Said) -> None:
        """Say where AWS would surprise."""
        ...

    def complain(self, text: str) -> None:
        """Say why there is no start."""
        ...

    def record(self, level: str, text: str) -> None:
        """Say what a library or a part of ours has logged."""
        ...

    def announce(self, banner: str) -> None:
        """Say that all is up."""
        ...


class TextConsole:
    """See `Console`: for a terminal."""

    def log(self, line: str) -> None:
        """See `Console`."""
        _print(printable(line), sys.stderr)

    def why(self, said: Said) -> None:
        """See `Console`."""
        self.log(f"why: {one_line(str(said))}")

    def complain(self, text: str) -> None:
        """See `Console`."""
        self.log(f"local-gateway: {text}")

    def record(self, level: str, text: str) -> None:
        """See `Console`."""
        self.log(f"{level} {text}")

    def announce(self, banner: str) -> None:
        """See `Console`."""
        _print(f"{banner}\nready", sys.stdout)


class JsonConsole:
    """See `Console`: for programs."""

    def log(self, line: str) -> None:
        """See `Console`."""
        if isinstance(line, LogLine):
            self._write("function", line.text, function=line.function, requestId=line.request_id)
        else:
            self.record("INFO", line)

    def why(self, said: Said) -> None:
        """See `Console`."""
        self._write(
            "why",
            said.text,
            clause=said.reason.clause,
            place=said.place,
            id=said.reason.id,
            times=said.times,
        )

    def complain(self, text: str) -> None:
        """See `Console`."""
        self.record("ERROR", text)

    def record(self, level: str, text: str) -> None:
        """See `Console`."""
        self._write("gateway", text, level=level)

    def announce(self, banner: str) -> None:
        """See `Console`."""
        self._write("banner", banner, sys.stdout)
        _print("ready", sys.stdout)

    def _write(
        self,
        kind: str,
        text: str,
        stream: TextIO | None = None,
        **facts: Any,  # noqa: ANN401 — any JSON
    ) -> None:
        now = datetime.fromtimestamp(clock.machine_ms() / 1000, UTC)
        time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "kind": kind, **facts, "text": text}
        # ASCII alone: no character of what others said reaches a terminal as it is.
        _print(json.dumps(line), stream or sys.stderr)


class LogHandler(logging.Handler):
    """Hands what is logged in this process to the console."""

    def __init__(self, console: Console) -> None:
        """Take the console."""
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self._console.record(record.levelname, self.format(record))


def _print(text: str, stream: TextIO) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(text, file=stream, flush=True)
