"""What an invocation counts and measures, until its end.

The names are those of the metrics; `docs/reference/observability.md` says what one of each is. No
name ever holds an id: there are as many counters as there are lines here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE

BOUNDS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "DeliveryLatency": (50, 100, 250, 500, _SECOND, 3 * _SECOND, 10 * _SECOND, _MINUTE, _HOUR),
        "SessionDuration": (
            _SECOND,
            10 * _SECOND,
            _MINUTE,
            10 * _MINUTE,
            30 * _MINUTE,
            _HOUR,
            2 * _HOUR,
        ),
        "InboxAge": (100, _SECOND, 10 * _SECOND, _MINUTE, 10 * _MINUTE, _HOUR, 24 * _HOUR),
        "InboxDepth": (1, 10, 100, 1000),
        "Online": (),
    }
)
"""What is measured, with the upper bounds of its histogram's buckets."""

MEASURED_IN_MS: Final = frozenset({"DeliveryLatency", "SessionDuration", "InboxAge"})


class Tally:
    """Counters and measurements of one environment: one invocation after the other adds to it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.values: dict[str, list[int]] = {}

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter; 0 adds nothing."""
        if number:
            self.counts[name] += number

    def measure(self, name: str, value: int) -> None:
        """Add a measurement: `name` is one of `BOUNDS`."""
        self.values.setdefault(name, []).append(value)

    def take(self) -> tuple[Mapping[str, int], Mapping[str, list[int]]]:
        """Return what was counted and measured, and begin anew."""
        taken = dict(self.counts), self.values
        self.counts, self.values = Counter(), {}
        return taken


def counters_of(counts: Mapping[str, int], values: Mapping[str, list[int]]) -> dict[str, int]:
    """Return counters alone: a measurement counts in its bucket `NAME_le_BOUND`, or `NAME_more`.

    `NAME_sum` and `NAME_count` are beside it.
    """
    counters = Counter(counts)
    for name, measured in values.items():
        bounds = BOUNDS[name]
        counters[f"{name}_sum"] += sum(measured)
        counters[f"{name}_count"] += len(measured)
        for value in measured:
            at = bisect_left(bounds, value)
            if bounds:
                counters[f"{name}_le_{bounds[at]}" if at < len(bounds) else f"{name}_more"] += 1
    return dict(counters)
