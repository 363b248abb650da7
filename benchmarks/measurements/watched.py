"""Messages while the inspector is open in a browser, and what a million frames leave behind."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import psutil

from benchmarks import load
from benchmarks.figures import Figure, Rounds, at_least_times_the_floor, at_most
from benchmarks.measurements.echo import TEXT
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_echo
from benchmarks.watching import watching

if TYPE_CHECKING:
    from benchmarks.servers import Server

CONNECTIONS = 50
FRAMES = 1_000_000
FIRST_FRAMES = 50_000
"""So many fill the rings of gateway and page, and warm both up."""

SETTLING_SECONDS = 10.0
"""After so long the page has its first thousand rows, and its scripts are compiled."""


def measure(effort: Effort) -> list[Figure]:
    """Measure with the page closed and open in turn, on one gateway."""
    opened, closed = Rounds(), Rounds()
    with running_echo() as server:
        _measure_one(effort, server, Rounds())  # warm
        for _ in range(effort.rounds):
            _measure_one(effort, server, closed)
            with watching(server):
                load.run(_echo(server, SETTLING_SECONDS))
                _measure_one(effort, server, opened)
        return [*compare(opened, closed), *_grow(effort, server)]


def compare(opened: Rounds, closed: Rounds) -> list[Figure]:
    """Return the rows of the throughput; the floor is that without a page."""
    rows = (
        ("per second", "per_second", "", at_least_times_the_floor(0.9)),
        ("p50", "p50", "ms", None),
        ("p99", "p99", "ms", None),
        ("CPU time of gateway and functions", "cpu_us", "µs", None),
    )
    return [
        Figure(f"{CONNECTIONS} connections: {what}", unit, opened[name], closed[name], aim)
        for what, name, unit, aim in rows
    ]


def _measure_one(effort: Effort, server: Server, rounds: Rounds) -> None:
    for name, value in effort.quiet.take(lambda: load.run(_echo(server, effort.seconds))).items():
        rounds.add(name, value)


def _echo(server: Server, seconds: float) -> load.Echo:
    return load.Echo(
        url=server.url, pid=server.pid, clients=CONNECTIONS, text=TEXT, seconds=seconds
    )


def _grow(effort: Effort, server: Server) -> list[Figure]:
    """Let a million frames pass while the page is open; each way they count."""
    frames = FRAMES // 10 if effort.is_quick else FRAMES
    process = psutil.Process(server.pid)
    with watching(server) as watcher:
        _pass(effort, server, FIRST_FRAMES)
        gateway, page = process.memory_full_info().pss, watcher.heap_mib()
        _pass(effort, server, frames)
        grown = (process.memory_full_info().pss - gateway) / 2**20
        page_grown = watcher.heap_mib() - page
    return [
        Figure(f"{frames:,} frames: the gateway's memory grows by", "MiB", [grown], (), at_most(8)),
        Figure(f"{frames:,} frames: the page's by", "MiB", [page_grown], (), at_most(8)),
    ]


def _pass(effort: Effort, server: Server, frames: int) -> None:
    end = _frames(server) + frames
    while _frames(server) < end:
        load.run(_echo(server, effort.seconds))


def _frames(server: Server) -> int:
    """Return how many frames there were either way, as they are metered: these have one unit."""
    address = f"http://127.0.0.1:{server.port}/_gateway/cost"
    with urllib.request.urlopen(address) as answer:
        return int(json.load(answer)["messages"])


MEASUREMENT = Measurement("watched", "With the inspector open", measure)
