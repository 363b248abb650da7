"""Connections that are opened and closed again, with a `$connect` handler that does nothing."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, Rounds, at_least
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_echo, running_floor

WORKERS = 50


def measure(effort: Effort) -> list[Figure]:
    """Measure the floor, and the gateway without and with a `$disconnect` route."""
    rounds: dict[str, Rounds] = {"floor": Rounds(), "connect": Rounds(), "both": Rounds()}
    with (
        running_floor() as bare,
        running_echo() as gateway,
        running_echo(Disconnect="true") as farewell,
    ):
        servers = (("floor", bare), ("connect", gateway), ("both", farewell))
        for _ in range(effort.rounds):
            for name, server in servers:
                connect = load.Connect(
                    url=server.url, pid=server.pid, workers=WORKERS, seconds=effort.seconds
                )
                for key, value in effort.quiet.take(lambda c=connect: load.run(c)).items():
                    rounds[name].add(key, value)
    floor, ours, both = rounds["floor"], rounds["connect"], rounds["both"]
    rate, cpu = "per_second", "cpu_us"
    return [
        Figure("`$connect`: connects per second", "", ours[rate], floor[rate], at_least(2500)),
        Figure("`$connect` and `$disconnect`: the same", "", both[rate], floor[rate]),
        Figure("`$connect`: p50 of the handshake", "ms", ours["p50"], floor["p50"]),
        Figure("`$connect`: p99 of the handshake", "ms", ours["p99"], floor["p99"]),
        Figure("`$connect`: CPU time of gateway and function", "µs", ours[cpu], floor[cpu]),
    ]


MEASUREMENT = Measurement("connect", "Connects", measure)
