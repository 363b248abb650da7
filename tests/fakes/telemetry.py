"""What a function writes to its log: JSON lines, metrics among them."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

from cloudpush import observability

if TYPE_CHECKING:
    import logging
    from collections.abc import Generator

    import pytest


class _CurrentStdout:
    """Standard output, whichever it is at the time: pytest changes it between a test's phases."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class Lines:
    """The lines that were written during a test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        """Everything that was written."""
        self._text += self._capsys.readouterr().out
        return self._text

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        return [line for line in self._parse() if "level" in line]

    @property
    def metrics(self) -> dict[str, int]:
        """The metrics, each with its sum."""
        totals: dict[str, int] = {}
        for line in self._parse():
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for metric in directive["Metrics"]:
                    name = metric["Name"]
                    totals[name] = totals.get(name, 0) + int(sum(line[name]))
        return totals

    def _parse(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@contextlib.contextmanager
def logging_to_stdout() -> Generator[None]:
    """Let our logger write to what is standard output now, as it does in a fresh process."""
    handler = cast("logging.StreamHandler[TextIO]", observability.logger.registered_handler)
    before = handler.setStream(cast("TextIO", _CurrentStdout()))
    try:
        yield
    finally:
        handler.setStream(before or sys.stdout)
