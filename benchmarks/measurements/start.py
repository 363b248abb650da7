"""From the command to `ready`, and to the first client that is greeted."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import load
from benchmarks.figures import Figure, Rounds, at_most
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_echo, running_service

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from benchmarks.servers import Server

LEAST_ROUNDS = 3


def measure(effort: Effort) -> list[Figure]:
    """Measure with an empty cache of translated templates, and with a full one."""
    rounds = Rounds()
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder, "warm")
        with running_service("redis", cache=warm), running_service("dynamodb", cache=warm):
            pass  # it is filled, and every module is compiled
        ways: tuple[tuple[str, Callable[[], AbstractContextManager[Server]]], ...] = (
            ("cold", lambda: running_service("redis", cache=Path(tempfile.mkdtemp(dir=folder)))),
            ("warm", lambda: running_service("redis", cache=warm)),
            ("dynamodb", lambda: running_service("dynamodb", cache=warm)),
            ("echo", running_echo),
        )
        for _ in range(max(effort.rounds, LEAST_ROUNDS)):
            for name, running in ways:
                rounds.add(name, effort.quiet.take(lambda r=running: _seconds_until_ready(r())))
            rounds.add("greeted", effort.quiet.take(lambda: _seconds_until_greeted(warm)))
    return [
        Figure("our template, Valkey: to `ready`", "s", rounds["warm"], (), at_most(2)),
        Figure("the same, the first time", "s", rounds["cold"], (), at_most(2)),
        Figure("the same, to the first CONNECTION", "s", rounds["greeted"]),
        Figure("our template, DynamoDB (moto): to `ready`", "s", rounds["dynamodb"]),
        Figure("two functions, no services: to `ready`", "s", rounds["echo"]),
    ]


def _seconds_until_ready(running: AbstractContextManager[Server]) -> float:
    with running as server:
        return server.start_seconds


def _seconds_until_greeted(cache: Path) -> float:
    """Return the time from the command until a client that connects at once has its CONNECTION."""
    with running_service("redis", cache=cache) as server:
        ready = time.perf_counter()
        load.run(load.Greet(url=server.url))
        return server.start_seconds + time.perf_counter() - ready


MEASUREMENT = Measurement("start", "Start", measure)
