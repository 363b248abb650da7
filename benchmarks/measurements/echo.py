"""A message to a Python handler in a process of its own, and its answer back to the sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import load
from benchmarks.figures import Figure, Rounds, at_least, at_most
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_echo, running_floor

if TYPE_CHECKING:
    from benchmarks.figures import Aim
    from benchmarks.servers import Server

TEXT = '{"action":"echo","text":"' + "x" * 37 + '"}'
"""64 bytes; the route selection has JSON to read, and finds no route of that name."""

CONNECTIONS = (1, 10, 50)

_AIMS: dict[tuple[int, str], Aim] = {
    (1, "p50"): at_most(0.25),
    (50, "per_second"): at_least(15_000),
}
_ROWS = (("p50", "p50", "ms"), ("p99", "p99", "ms"), ("per second", "per_second", ""))


def measure(effort: Effort) -> list[Figure]:
    """Measure the gateway and the floor in turn."""
    ours, inline, floor = Rounds(), Rounds(), Rounds()
    with (
        running_floor() as bare,
        running_echo() as gateway,
        running_echo("--host-mode", "inline") as threads,
    ):
        for _ in range(effort.rounds):
            for clients in CONNECTIONS:
                for server, rounds in ((bare, floor), (gateway, ours), (threads, inline)):
                    _measure_one(effort, server, clients, rounds)
    figures = [
        Figure(
            f"{connections} connection{'s' * (connections > 1)}: {what}",
            unit,
            ours[f"{connections} {name}"],
            floor[f"{connections} {name}"],
            _AIMS.get((connections, name)),
        )
        for connections in CONNECTIONS
        for what, name, unit in _ROWS
    ]
    cpu = f"{CONNECTIONS[-1]} cpu_us"
    what = f"{CONNECTIONS[-1]} connections: CPU time of gateway and functions"
    figures.append(Figure(what, "µs", ours[cpu], floor[cpu]))
    return figures + [
        Figure(
            f"`--host-mode inline`, {connections} connection{'s' * (connections > 1)}: {what}",
            unit,
            inline[f"{connections} {name}"],
            floor[f"{connections} {name}"],
        )
        for connections in (CONNECTIONS[0], CONNECTIONS[-1])
        for what, name, unit in _ROWS
    ]


def _measure_one(effort: Effort, server: Server, clients: int, rounds: Rounds) -> None:
    echo = load.Echo(
        url=server.url, pid=server.pid, clients=clients, text=TEXT, seconds=effort.seconds
    )
    for name, value in effort.quiet.take(lambda: load.run(echo)).items():
        rounds.add(f"{clients} {name}", value)


MEASUREMENT = Measurement("echo", "Message to handler and back", measure)
