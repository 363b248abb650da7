"""Messages of QoS 1: from the push to the acknowledgement, and what waits for who comes back."""

from __future__ import annotations

from benchmarks import load
from benchmarks.figures import Figure, at_most
from benchmarks.keeping import Acknowledge, Resume
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import running_service

STORES = (
    ("redis", "Valkey", {1: 50, 100: 5, 1000: 1}),
    ("dynamodb", "DynamoDB (moto)", {1: 20, 10: 1}),
)
"""Of each store how often is pushed to how many clients; one round of all takes a minute.

In a transaction moto copies the whole table once for each item, so a push takes there what grows
with the square of its clients.
"""

MISSED = 1000


def measure(effort: Effort) -> list[Figure]:
    """Measure both stores, one after the other: each has many processes."""
    figures: list[Figure] = []
    for store, name, pushes in STORES:
        with running_service(store, StaleAfterSeconds="0") as server:
            for clients, count in pushes.items():
                figures += _acknowledge(name, server.url, clients, count, effort)
            if store == "redis":
                figures += _resume(name, server.url, effort)
    return figures


def _acknowledge(name: str, url: str, clients: int, count: int, effort: Effort) -> list[Figure]:
    clients = max(1, clients // 10) if effort.is_quick else clients
    keeping = Acknowledge(
        url=url, clients=clients, rounds=count, warmup_rounds=1 if count > 1 else 0
    )
    measured = effort.quiet.take(lambda: load.run(keeping))
    who = f"{name}, {clients:,} client{'s' if clients > 1 else ''}"
    return [
        Figure(f"{who}: request to client, p50", "ms", [measured["got_p50"]]),
        Figure(f"{who}: request to its acknowledgement, p50", "ms", [measured["p50"]]),
        Figure(f"{who}: request to its acknowledgement, p99", "ms", [measured["p99"]]),
    ]


def _resume(name: str, url: str, effort: Effort) -> list[Figure]:
    messages = MISSED // 10 if effort.is_quick else MISSED
    figures: list[Figure] = []
    for is_batched, how in ((False, ""), (True, ", `batch=1`")):
        keeping = Resume(url=url, messages=messages, rounds=1, is_batched=is_batched)
        measured = effort.quiet.take(lambda resume=keeping: load.run(resume))
        what = f"{name}: resume of {messages:,} missed messages{how}"
        figures.append(Figure(what, "s", [measured["last"] / 1e3], aim=at_most(1.0)))
    return figures


MEASUREMENT = Measurement("kept", "Push with acknowledgement", measure)
