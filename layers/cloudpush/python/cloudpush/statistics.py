"""Say what the counters of some minutes come to: rates, histograms, who was online."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from cloudpush.tally import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudpush.ports import Minute


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """How many measurements were above the bound before, and not above this one."""

    upper: int | None
    """None is without an end."""
    count: int


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements by size."""

    count: int
    mean: float | None
    buckets: list[Bucket]


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What some minutes come to. A ratio of nothing is None."""

    delivery_rate: float | None
    """Of the recipients whose fate became known: how many acknowledged."""
    resend_ratio: float | None
    """Of the posts of kept messages: how many were repeats."""
    duplicate_ratio: float | None
    """Of the copies that were brought to an inbox: how many it had before."""
    online: float | None
    """Open connections, on average."""
    counts: dict[str, int]
    """By the name of the metric."""
    histograms: dict[str, Histogram]
    """By the name of the metric; in milliseconds, `InboxDepth` in messages."""


def summarize(minutes: Sequence[Minute]) -> Statistics:
    """Return what these minutes come to."""
    total: Counter[str] = Counter()
    for minute in minutes:
        total.update(minute.counts)
    ended = total["Delivered"] + total["Expired"] + total["Rejected"]
    return Statistics(
        delivery_rate=_ratio(total["Delivered"], ended),
        resend_ratio=_ratio(total["Resends"], total["FirstSends"] + total["Resends"]),
        duplicate_ratio=_ratio(total["Duplicates"], total["Appended"] + total["Duplicates"]),
        online=_ratio(total["Online_sum"], total["Online_count"]),
        counts=_plain(total),
        histograms={
            name: _histogram(name, total)
            for name, bounds in BOUNDS.items()
            if bounds and total[f"{name}_count"]
        },
    )


def online_in(minute: Minute) -> float | None:
    """Return how many connections were open in a minute, or None where nobody looked."""
    return _ratio(minute.counts.get("Online_sum", 0), minute.counts.get("Online_count", 0))


def counts_in(minute: Minute) -> dict[str, int]:
    """Return a minute's counters, without the parts of measurements."""
    return _plain(minute.counts)


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts) if name.partition("_")[0] not in BOUNDS}


def _histogram(name: str, total: Counter[str]) -> Histogram:
    count = total[f"{name}_count"]
    bounds = [*BOUNDS[name], None]
    keys = [f"{name}_more" if each is None else f"{name}_le_{each}" for each in bounds]
    return Histogram(
        count=count,
        mean=_ratio(total[f"{name}_sum"], count),
        buckets=[
            Bucket(upper=bound, count=total[key]) for bound, key in zip(bounds, keys, strict=True)
        ],
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
