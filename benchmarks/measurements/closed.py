"""What tokens cost: our own template with `AuthMode=jwt`, and without, in turn."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import load
from benchmarks.closing import Arrive, Beat
from benchmarks.figures import Figure, Rounds
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_service
from cloudpush import ids
from cloudpush.settings import PLAIN

if TYPE_CHECKING:
    from benchmarks.servers import Server

WORKERS = 50
CONNECTIONS = (1, 50)

WARM_SECONDS = 12.0
"""Until then connects get faster: of each function processes are started, as many as are used."""


def measure(effort: Effort) -> list[Figure]:
    """Measure on Valkey, closed and open side by side."""
    secret = ids.new_secret()
    ours, floor = Rounds(), Rounds()
    with TemporaryDirectory() as folder:
        variables = Path(folder) / "variables.json"
        variables.write_text(json.dumps({"Parameters": {"AUTH_SECRET": f"{PLAIN}{secret}"}}))
        closing = ("--env-vars", str(variables))
        with (
            running_service("redis", StaleAfterSeconds="0") as opened,
            running_service("redis", *closing, AuthMode="jwt", StaleAfterSeconds="0") as closed,
        ):
            for server, shown in ((opened, ""), (closed, secret)):
                _warm(effort, server, shown)
            for _ in range(effort.rounds):
                _measure_one(effort, opened, "", floor)
                _measure_one(effort, closed, secret, ours)
    return compare(ours, floor)


def compare(closed: Rounds, opened: Rounds) -> list[Figure]:
    """Return the section's rows; the floor is what is open to everybody."""
    rows = [
        ("connects per second", "", "connect per_second"),
        ("p50 of the handshake", "ms", "connect p50"),
        ("CPU time of a connect, all processes", "µs", "connect cpu_us"),
    ]
    for connections in CONNECTIONS:
        who = f"HEARTBEAT to HEARTBEAT_ACK, {connections} connection{'s' * (connections > 1)}"
        rows += [
            (f"{who}: p50", "ms", f"{connections} p50"),
            (f"{who}: per second", "", f"{connections} per_second"),
        ]
    return [Figure(what, unit, closed[name], opened[name]) for what, unit, name in rows]


def _warm(effort: Effort, server: Server, secret: str) -> None:
    seconds = effort.seconds if effort.is_quick else WARM_SECONDS
    for visit, share in ((Arrive, 1.0), (Beat, 0.25)):
        load.run(
            visit(
                url=server.url,
                pid=server.pid,
                clients=WORKERS,
                secret=secret,
                seconds=share * seconds,
            )
        )


def _measure_one(effort: Effort, server: Server, secret: str, rounds: Rounds) -> None:
    arrive = Arrive(
        url=server.url, pid=server.pid, clients=WORKERS, secret=secret, seconds=effort.seconds
    )
    for name, value in effort.quiet.take(lambda: load.run(arrive)).items():
        rounds.add(f"connect {name}", value)
    for connections in CONNECTIONS:
        beat = Beat(
            url=server.url,
            pid=server.pid,
            clients=connections,
            secret=secret,
            seconds=effort.seconds,
        )
        for name, value in effort.quiet.take(lambda b=beat: load.run(b)).items():
            rounds.add(f"{connections} {name}", value)


MEASUREMENT = Measurement("closed", "What tokens cost", measure)
