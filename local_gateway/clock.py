"""The one module of the emulator that reads the clock."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Return milliseconds since the epoch."""
    return time.time_ns() // 1_000_000  # noqa: TID251 — this is the one place


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for durations."""
    return time.monotonic()
