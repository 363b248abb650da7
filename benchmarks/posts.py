"""The posts that every way of posting is measured with; needs nothing but Python.

So a way may run in an environment of its own.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
Clocks = list[tuple[float, float]]

CALL_SIZE: Final = 100
"""Posts in a call: what a Delivery job carries at most."""

SERVICE: Final = "apigatewaymanagementapi"

ACCESS_KEY: Final = "AKIDEXAMPLE"
SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN: Final = "IQoJb3JpZ2luX2VjE" * 24
"""As long as on Lambda."""


def make_posts(count: int) -> list[tuple[str, bytes]]:
    """Return connection ids and envelopes of about 300 bytes, all different."""
    return [
        (
            f"PJqB{number:07d}CHlw=",
            json.dumps(
                {
                    "msgType": 1,
                    "trigger": 1,
                    "to": f"client-{number}",
                    "from": "system",
                    "messageId": f"{number:032x}",
                    "activeTime": 1736157600000 + number,
                    "msg": {"text": "m" * 120},
                }
            ).encode(),
        )
        for number in range(count)
    ]


def calls_of(posts: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut posts into calls."""
    return (posts[start : start + CALL_SIZE] for start in range(0, len(posts), CALL_SIZE))


def measure(clocks: Clocks) -> None:
    """Note CPU seconds, of all threads, and wall seconds."""
    clocks.append((time.process_time(), time.perf_counter()))


def print_rates(count: int, clocks: Clocks) -> None:
    """Print what happened between the two times as JSON."""
    (cpu_start, wall_start), (cpu_end, wall_end) = clocks
    rates = {
        "posts_per_cpu_second": count / (cpu_end - cpu_start),
        "posts_per_second": count / (wall_end - wall_start),
    }
    print(json.dumps(rates))
