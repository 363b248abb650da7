"""A push by HTTP to all: one request, a thousand clients."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, Rounds
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_service

CLIENTS = 1000


def measure(effort: Effort) -> list[Figure]:
    """Measure on Valkey."""
    rounds = Rounds()
    clients = CLIENTS // 10 if effort.is_quick else CLIENTS
    with running_service("redis", StaleAfterSeconds="0", BroadcastRate="0") as server:
        broadcast = load.Broadcast(
            url=server.url,
            publishing=load.to_all(server.port),
            clients=clients,
            rounds=2 if effort.is_quick else 5,
        )
        for _ in range(effort.rounds):
            for key, value in effort.quiet.take(lambda: load.run(broadcast)).items():
                rounds.add(key, value)
    per_second = [clients / last * 1e3 for last in rounds["last"]]
    return [
        Figure(f"{clients:,} clients: request to the first", "ms", rounds["first"]),
        Figure(f"{clients:,} clients: request to half of them", "ms", rounds["median"]),
        Figure(f"{clients:,} clients: request to the last", "ms", rounds["last"]),
        Figure(f"{clients:,} clients: deliveries per second", "", per_second),
    ]


MEASUREMENT = Measurement("broadcast", "Push to all", measure)
