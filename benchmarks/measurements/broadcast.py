"""A push by HTTP to all: one request, thousands of clients."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, Rounds
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_service

SIZES = (1000, 5000)


def measure(effort: Effort) -> list[Figure]:
    """Measure on Valkey, with `BroadcastRate` beyond what the machine does."""
    figures: list[Figure] = []
    for size in SIZES:
        clients = size // 10 if effort.is_quick else size
        rounds = Rounds()
        with running_service("redis", StaleAfterSeconds="0", BroadcastRate="0") as server:
            broadcast = load.Broadcast(
                url=server.url,
                publishing=load.to_all(server.port),
                clients=clients,
                rounds=2 if effort.is_quick else 5,
            )
            for _ in range(effort.rounds):
                for key, value in effort.quiet.take(lambda b=broadcast: load.run(b)).items():
                    rounds.add(key, value)
        per_second = [clients / last * 1e3 for last in rounds["last"]]
        figures += [
            Figure(f"{clients:,} clients: request to the first", "ms", rounds["first"]),
            Figure(f"{clients:,} clients: request to half of them", "ms", rounds["median"]),
            Figure(f"{clients:,} clients: request to the last", "ms", rounds["last"]),
            Figure(f"{clients:,} clients: deliveries per second", "", per_second),
        ]
    return figures


MEASUREMENT = Measurement("broadcast", "Push to all", measure)
