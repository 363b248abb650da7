"""Pushes to one client at a steady rate, alone and while pushes to all go on without a pause."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, Rounds, at_most_times_the_floor
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_service

CLIENTS = 2000
PER_SECOND = 50.0
RATES = (("7000", "BroadcastRate 7,000"), ("0", "no limit"))


def measure(effort: Effort) -> list[Figure]:
    """Measure on Valkey; alone and beside in turn, on one server for each rate."""
    figures: list[Figure] = []
    for rate, name in RATES:
        alone, beside = Rounds(), Rounds()
        with running_service("redis", StaleAfterSeconds="0", BroadcastRate=rate) as server:
            for _ in range(effort.rounds):
                for to_all, rounds in ((None, alone), (load.to_all(server.port), beside)):
                    singles = load.Singles(
                        url=server.url,
                        to_one=load.to_one(server.port),
                        to_all=to_all,
                        clients=CLIENTS // 10 if effort.is_quick else CLIENTS,
                        per_second=PER_SECOND,
                        seconds=2 * effort.seconds,
                    )
                    for key, value in effort.quiet.take(lambda s=singles: load.run(s)).items():
                        rounds.add(key, value)
        aim = at_most_times_the_floor(3) if rate != "0" else None
        figures += [
            Figure(f"{name}: to one, p50", "ms", beside["p50"], alone["p50"]),
            Figure(f"{name}: to one, p99", "ms", beside["p99"], alone["p99"], aim),
            Figure(f"{name}: to all, deliveries per second", "", beside["all_per_second"]),
        ]
    return figures


MEASUREMENT = Measurement("beside", "Pushes to one beside a push to all", measure)
