"""A push by HTTP to one client: our own template, all of its functions, on both stores."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, Rounds
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_service

STORES = (("redis", "Valkey"), ("dynamodb", "DynamoDB (moto)"))


def measure(effort: Effort) -> list[Figure]:
    """Measure both stores, one after the other: each has many processes."""
    figures: list[Figure] = []
    for store, name in STORES:
        rounds = Rounds()
        with running_service(store, StaleAfterSeconds="0") as server:
            push = load.Push(
                url=server.url, publishing=load.to_one(server.port), seconds=effort.seconds
            )
            for _ in range(effort.rounds):
                for key, value in effort.quiet.take(lambda p=push: load.run(p)).items():
                    rounds.add(key, value)
        figures += [
            Figure(f"{name}: request to client, p50", "ms", rounds["p50"]),
            Figure(f"{name}: request to client, p99", "ms", rounds["p99"]),
            Figure(f"{name}: request to answer, p50", "ms", rounds["answer_p50"]),
            Figure(f"{name}: per second, one after the other", "", rounds["per_second"]),
        ]
    return figures


MEASUREMENT = Measurement("push", "Push by HTTP", measure)
