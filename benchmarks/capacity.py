"""What a deployment on AWS costs, in seconds and dollars: the formulas of `make simulate`.

Pure: sizes and prices in, figures out. `work` is exact, a test counts a real run beside it; all
else is arithmetic with quotas, prices and a few figures, whose sources the page names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloudpush.fanout import (
    DOUBLE_AFTER,
    DOUBLINGS,
    INVOCATIONS,
    PAGE,
    SHARDS_AT_ONCE,
    SIDE_BY_SIDE,
)
from cloudpush.model import SHARDS

if TYPE_CHECKING:
    from collections.abc import Sequence

KIB: Final = 1024
MILLION: Final = 1e6
MONTH_SECONDS: Final = 30 * 24 * 3600

KEPT_WRITE_UNITS: Final = 24
"""Of `qos` 1 for each client who is connected: 16 until it is sent, 8 for the acknowledgement."""

KEPT_READ_UNITS: Final = 20
KEPT_SHARE: Final = 20
"""So many times as long a worker takes for a client of `qos` 1."""

PARTITION_WRITE_UNITS: Final = 1000
"""A second: what an item can be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Dollars, on demand, in us-east-1, on arm64, without free tiers."""

    message: float = 1.00 / MILLION
    """A message of a WebSocket API, up to 32 KB, sent or received: the first billion of a month."""
    message_beyond_a_billion: float = 0.80 / MILLION
    connection_minute: float = 0.25 / MILLION
    lambda_request: float = 0.20 / MILLION
    lambda_gb_second: float = 0.0000133334
    queue_request: float = 0.40 / MILLION
    write_unit: float = 0.625 / MILLION
    read_unit: float = 0.125 / MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Of an account in a region, by default."""

    requests_per_second: int = 10_000
    """Of all APIs together: connects, messages, posts, HTTP."""
    connects_per_second: int = 500
    environments: int = 1000
    """Of all functions together."""
    table_write_units: int = 40_000
    """A second, of a table that is paid on demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """How it is deployed, and what was measured of its parts."""

    broadcast_rate: int = 7_000
    is_on_dynamodb: bool = True
    fan_out_memory_gb: float = 1.0
    message_memory_gb: float = 0.5
    message_ms: float = 15.0
    """What a heartbeat takes in its function: two requests to the store, some ms each."""
    connect_ms: float = 100.0
    """What `authorize` and `connect` take each, in a storm: half of their environments are new."""
    other_environments: int = 66
    """Those that the queues start at most: of `deliver` and of `fan_out`."""
    posts_per_cpu_second: int = 20_000
    """Of a whole worker: read, sign, post, save (`make bench-fan-out`)."""
    lines: int = 128
    latency_ms: float = 10.0
    """From a worker to `@connections` and back."""
    row_bytes: int = 300
    heartbeat_seconds: float = 30.0

    @property
    def worker_rate(self) -> float:
        """Return the posts a second of one worker: bound by its share of a CPU, or by its lines."""
        share = self.fan_out_memory_gb * KIB / 1769
        return min(self.posts_per_cpu_second * share, self.lines * 1000 / self.latency_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a fan-out of QoS 0 to all asks of others, in one invocation."""

    posts: int
    claims: int
    pages: int
    """Reads of shards, and writes of how far they are, as many each."""
    shard_reads: int
    """Of single shards: what DynamoDB is asked for."""
    payments: int
    """Pages with posts."""


def work(shards: Sequence[int]) -> Work:
    """Return what a fan-out to shards of these sizes comes to."""
    free = dict(enumerate(shards))
    held: dict[int, int] = {}
    width = SHARDS_AT_ONCE
    claims = SIDE_BY_SIDE - 1  # each worker has to find that nothing is left
    pages = shard_reads = payments = 0
    while True:
        if not held:
            claims += 1
            held = {shard: free.pop(shard) for shard in sorted(free)[:width]}
        if not held:
            break
        limit = max(1, PAGE // len(held))
        is_first = all(size == shards[shard] for shard, size in held.items())
        pages += 1
        shard_reads += len(held)
        payments += any(held.values())
        # A page that is full has a cursor, also where nothing is behind it.
        rest = [(shard, size - limit) for shard, size in held.items() if size >= limit]
        if len(rest) == len(held) > 1:
            width = max(1, len(rest) // 4)
        elif not rest and sum(held.values()) <= PAGE // 2 and is_first:
            width = min(2 * width, SHARDS_AT_ONCE)
        held = dict(rest[:width])
        free |= dict(rest[width:])
    return Work(
        posts=sum(shards),
        claims=claims,
        pages=pages,
        shard_reads=shard_reads,
        payments=payments,
    )


def even_shards(connections: int) -> list[int]:
    """Return the sizes of the shards of so many connections that a hash has spread."""
    each, more = divmod(connections, SHARDS)
    return [each + (shard < more) for shard in range(SHARDS)]


def record_bytes(workers: int) -> int:
    """Return what the record of a fan-out has at most on DynamoDB, while so many work at it.

    The shards that are not finished, and a place for each that is begun: one for each of the two
    workers of an invocation, and those that the first two gave away.
    """
    unfinished, place, given_away = 1200, 85, 50
    begun = SIDE_BY_SIDE * workers
    return unfinished + place * begun + given_away * SIDE_BY_SIDE * SHARDS_AT_ONCE


def record_rate(workers: int) -> float:
    """Return the posts a second at which the partition of a record has no more to give."""
    units = -(-record_bytes(workers) // KIB)
    return PAGE * PARTITION_WRITE_UNITS / units


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """A push to all of QoS 0."""

    seconds: float
    """From its first post to its last."""
    most_workers: int
    worker_seconds: float
    messages_dollars: float
    lambda_dollars: float
    store_dollars: float

    @property
    def dollars(self) -> float:
        """Return what it costs."""
        return self.messages_dollars + self.lambda_dollars + self.store_dollars


def broadcast(
    connections: int,
    *,
    envelope_bytes: int = 1000,
    deployment: Deployment | None = None,
    prices: Prices | None = None,
) -> Broadcast:
    """Return what a push to all takes and costs, its workers doubling as they do."""
    deployment, prices = deployment or Deployment(), prices or Prices()
    seconds, most, worker_seconds = _grow(connections, deployment)
    done = work(even_shards(connections))
    messages = connections * -(-envelope_bytes // (32 * KIB))
    lambda_dollars = worker_seconds * deployment.fan_out_memory_gb * prices.lambda_gb_second
    return Broadcast(
        seconds=seconds,
        most_workers=most,
        worker_seconds=worker_seconds,
        messages_dollars=message_dollars(messages, prices),
        lambda_dollars=lambda_dollars + most * prices.lambda_request,
        store_dollars=_store_dollars(done, most, deployment, prices),
    )


def _grow(connections: int, deployment: Deployment) -> tuple[float, int, float]:
    """Let workers post in steps of ten milliseconds; return seconds, most workers, worker seconds.

    A worker asks for another after `DOUBLE_AFTER` posts if the budget does not make it wait, and
    that one may ask once less. A new one takes part after half a second.
    """
    step, starts_after = 0.01, 0.5
    rate = deployment.broadcast_rate or float("inf")
    workers: list[list[float]] = [[0.0, 0.0, float(DOUBLINGS)]]  # begins at, posted, doublings
    posted = now = worker_seconds = 0.0
    while posted < connections:
        able = [each for each in workers if each[0] <= now]
        is_waiting = len(able) * deployment.worker_rate >= rate
        most = min(rate, record_rate(len(workers))) if deployment.is_on_dynamodb else rate
        each_posts = min(deployment.worker_rate, most / len(able)) * step
        for worker in able:
            worker[1] += each_posts
            posted += each_posts
            if is_waiting:
                worker[1] = 0.0
            elif worker[1] >= DOUBLE_AFTER and worker[2] and len(workers) < INVOCATIONS:
                worker[1], worker[2] = 0.0, worker[2] - 1
                workers.append([now + starts_after, 0.0, worker[2]])
        worker_seconds += len(able) * step
        now += step
    return now, len(workers), worker_seconds


def _store_dollars(done: Work, workers: int, deployment: Deployment, prices: Prices) -> float:
    """Price the requests that `stores` makes on DynamoDB.

    A Query reads consistently, in units of 4 KB; the record is written for each claim and page, and
    read for each claim; the ledger is read and written for each payment.
    """
    read_bytes = done.posts * deployment.row_bytes
    record = record_bytes(workers)
    claim_reads = done.claims * -(-record // (4 * KIB))
    reads = max(done.shard_reads, read_bytes / (4 * KIB)) + claim_reads + done.payments
    writes = -(-record // KIB) * (done.claims + done.pages) + done.payments + 6
    return reads * prices.read_unit + writes * prices.write_unit


def kept_dollars(
    connections: int, *, deployment: Deployment | None = None, prices: Prices | None = None
) -> float:
    """Return what a push of `qos` 1 costs whose clients are all there and acknowledge.

    Two messages each, the store, the worker, and a call of `message`. Its envelope is below 1 KB.
    """
    deployment, prices = deployment or Deployment(), prices or Prices()
    store = KEPT_WRITE_UNITS * prices.write_unit + KEPT_READ_UNITS * prices.read_unit
    working = KEPT_SHARE / deployment.worker_rate * deployment.fan_out_memory_gb
    calling = deployment.message_ms / 1000 * deployment.message_memory_gb
    each = store + prices.lambda_request + (working + calling) * prices.lambda_gb_second
    return message_dollars(2 * connections, prices) + connections * each


def message_dollars(messages: float, prices: Prices, *, before: float = 0.0) -> float:
    """Return the price of messages, of which `before` were billed in the same month."""
    billion = 1e9
    cheap = max(0.0, before + messages - max(billion, before))
    return (messages - cheap) * prices.message + cheap * prices.message_beyond_a_billion
