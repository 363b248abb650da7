"""Cold imports: what a function's module costs a new environment before its first event."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figures import Figure, Rounds, at_most
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import ROOT, shell_environment

FUNCTIONS = ("connect", "disconnect", "message", "deliver", "fan_out", "sweep", "push_api")
AIMED_AT = frozenset({"connect", "disconnect", "message"})
LEAST_ROUNDS = 5


def measure(effort: Effort) -> list[Figure]:
    """Measure each against a bare interpreter, in turn, with compiled modules."""
    rounds = Rounds()
    for name in FUNCTIONS:
        _seconds(f"import {name}")  # compiles
    for _ in range(max(effort.rounds, LEAST_ROUNDS)):
        effort.quiet.take(lambda: _measure_round(rounds))
    return [
        Figure(f"`{name}`", "ms", rounds[name], (), at_most(200) if name in AIMED_AT else None)
        for name in FUNCTIONS
    ]


def _measure_round(rounds: Rounds) -> None:
    bare = _seconds("pass")
    for name in FUNCTIONS:
        rounds.add(name, (_seconds(f"import {name}") - bare) * 1e3)


def _seconds(code: str) -> float:
    """Return how long an interpreter takes for this code, from its start to its end."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "functions",
        env=shell_environment(),
        stdin=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


MEASUREMENT = Measurement("imports", "Cold imports of the functions", measure)
