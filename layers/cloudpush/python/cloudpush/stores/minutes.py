"""Where the minutes of the statistics begin, and how long each is kept."""

from __future__ import annotations

from typing import Final

MINUTE_MS: Final = 60 * 1000
HOUR_MS: Final = 60 * MINUTE_MS
KEPT_MS: Final = 48 * HOUR_MS


def minute_of(now_ms: int) -> int:
    """Return when the minute began."""
    return now_ms // MINUTE_MS * MINUTE_MS


def minutes_in(from_ms: int, to_ms: int) -> range:
    """Return the minutes that began from one time on and before the other."""
    return range(-(-from_ms // MINUTE_MS) * MINUTE_MS, to_ms, MINUTE_MS)


def hours_in(from_ms: int, to_ms: int) -> range:
    """Return the hours in which these minutes lie."""
    return range(from_ms // HOUR_MS * HOUR_MS, to_ms, HOUR_MS)
