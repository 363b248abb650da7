"""Statistics as `/v1` has them, that would take an hour to come about."""

from __future__ import annotations

import math
from typing import Any, Final

from cloudpush import clock

LATENCIES_MS: Final = {50: 9210, 100: 6480, 250: 2190, 500: 610, 1000: 240, 3000: 75, 10_000: 12}
DURATIONS_MS: Final = {10_000: 180, 60_000: 420, 600_000: 760, 1_800_000: 910, 7_200_000: 330}


def an_hour() -> dict[str, Any]:
    """Return what `GET /v1/statistics` answers of the last hour."""
    now_ms = clock.now_ms() // 60_000 * 60_000
    minutes = [
        {
            "at": now_ms - (60 - minute) * 60_000,
            "online": round(1180 + 4 * minute + 90 * math.sin(minute / 7)),
            "counts": {"Delivered": round(310 + 140 * math.sin(minute / 5) + minute % 7 * 9)},
        }
        for minute in range(61)
    ]
    return {
        "deliveryRate": 0.994,
        "counts": {},
        "histograms": {
            "DeliveryLatency": histogram(LATENCIES_MS),
            "SessionDuration": histogram(DURATIONS_MS),
        },
        "minutes": minutes,
    }


def histogram(counts: dict[int, int]) -> dict[str, Any]:
    """Return a histogram of so many up to each value."""
    count = sum(counts.values())
    return {
        "count": count,
        "mean": sum(upper * each for upper, each in counts.items()) / 2 / count,
        "buckets": [{"upper": upper, "count": each} for upper, each in counts.items()],
    }
