"""Memory of connections on which nothing happens."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, at_most
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_echo, running_floor

CLIENTS = 5000


def measure(effort: Effort) -> list[Figure]:
    """Measure servers that are fresh in every round."""
    ours: list[float] = []
    floor: list[float] = []
    clients = CLIENTS // 5 if effort.is_quick else CLIENTS
    for _ in range(effort.rounds):
        for running, values in ((running_floor, floor), (running_echo, ours)):
            with running() as server:
                hold = load.Hold(url=server.url, pid=server.pid, clients=clients)
                values.append(load.run(hold)["kib"])
    more = [mine - bare for mine, bare in zip(ours, floor, strict=True)]
    return [
        Figure(f"{clients:,} connections: each", "KiB", ours, floor),
        Figure(f"{clients:,} connections: each, more than the floor", "KiB", more, (), at_most(6)),
    ]


MEASUREMENT = Measurement("idle", "Idle connections", measure)
