"""What connections cost that do nothing but live, and what storms of them take: `make simulate`."""

from __future__ import annotations

import heapq
import random  # noqa: TID251 — a storm is the same each time: its seed is fixed
from dataclasses import dataclass
from typing import Final

from benchmarks.capacity import MONTH_SECONDS, Deployment, Prices, Quotas, message_dollars
from cloudpush.model import SHARDS
from local_gateway.limits import TokenBucket

CONNECT_WRITE_UNITS: Final = 9
"""Two transactions of two items, at twice the price, and the inbox. A test counts them."""

DISCONNECT_WRITE_UNITS: Final = 4
"""A transaction of two items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What connections cost that do nothing but live."""

    connects_per_second: float
    """As every client comes again within two hours (the protocol: after 100 to 115 minutes)."""
    heartbeats_per_second: float
    connection_dollars: float
    """A month."""
    reconnect_dollars: float
    """A month: calls of four functions, the queue between them, and the store."""
    heartbeat_dollars: float
    """A month: two messages each, a call of a function, and the store."""
    first_connect_seconds: float
    """How long all take to connect, at the quota."""
    quota_connects: float
    """What to ask for, that all can come again within ten minutes of an outage."""
    quota_requests: float
    """What to ask for, that heartbeats take at most a third."""
    quota_environments: float
    """What to ask for: heartbeats, and all coming again within ten minutes."""
    quota_write_units: float
    """The same, of the table."""
    shard_write_units: float
    """Of clients that come again, on the busiest partition if each shard is one."""


def standing(
    connections: int,
    *,
    deployment: Deployment | None = None,
    prices: Prices | None = None,
    quotas: Quotas | None = None,
) -> Standing:
    """Return what so many connections cost and need."""
    deployment, prices = deployment or Deployment(), prices or Prices()
    quotas = quotas or Quotas()
    connects = connections / (107.5 * 60)
    heartbeats = connections / deployment.heartbeat_seconds if deployment.heartbeat_seconds else 0.0
    month = heartbeats * MONTH_SECONDS
    gb_seconds = deployment.message_ms / 1000 * deployment.message_memory_gb
    call = prices.lambda_request + gb_seconds * prices.lambda_gb_second
    each = call + prices.read_unit + prices.write_unit
    quota_connects = max(quotas.connects_per_second, connections / 600)
    return Standing(
        connects_per_second=connects,
        heartbeats_per_second=heartbeats,
        connection_dollars=connections * MONTH_SECONDS / 60 * prices.connection_minute,
        reconnect_dollars=connects * MONTH_SECONDS * _reconnect_dollars(call, prices),
        heartbeat_dollars=message_dollars(2 * month, prices) + month * each,
        first_connect_seconds=connections / quotas.connects_per_second,
        quota_connects=quota_connects,
        quota_requests=max(quotas.requests_per_second, 3 * heartbeats),
        quota_environments=max(
            quotas.environments,
            2 * quota_connects * deployment.connect_ms / 1000
            + heartbeats * deployment.message_ms / 1000
            + deployment.other_environments,
        ),
        quota_write_units=max(
            quotas.table_write_units, CONNECT_WRITE_UNITS * quota_connects + heartbeats
        ),
        shard_write_units=(CONNECT_WRITE_UNITS + DISCONNECT_WRITE_UNITS) * connects / SHARDS,
    )


def _reconnect_dollars(call: float, prices: Prices) -> float:
    """Price a client that leaves and comes again.

    `disconnect`, `authorize`, `connect` and, by the queue, `deliver`, which greets; a record in a
    queue is sent, received and deleted. They read eight units.
    """
    units = CONNECT_WRITE_UNITS + DISCONNECT_WRITE_UNITS
    store = units * prices.write_unit + 8 * prices.read_unit
    return 4 * call + 3 * prices.queue_request + store


def storm_seconds(connections: int, *, connects_per_second: int) -> float:
    """Return how long clients that all lost their connection take to come back.

    Beyond twenty times the quota more try than are let in, until those who are left try every ten
    seconds in the mean: so the quota alone decides, but for the last wait. Fewer are played.
    """
    if connections <= connects_per_second * 20:
        return play_storm(connections, connects_per_second=connects_per_second)
    return connections / connects_per_second + 10.0


def play_storm(connections: int, *, connects_per_second: int) -> float:
    """Have each client try until the emulator's own limit lets it in; return when the last one is.

    They try with full jitter within 0.5 s, doubling to 20 s (the protocol).
    """
    chance = random.Random(0)
    limit = TokenBucket(connects_per_second)
    tries = [(chance.uniform(0, 0.5), 0.5) for _ in range(connections)]
    heapq.heapify(tries)
    last = 0.0
    while tries:
        at, within = tries[0]
        if limit.take(at):
            last = at
            heapq.heappop(tries)
        else:
            within = min(20.0, 2 * within)
            heapq.heapreplace(tries, (at + chance.uniform(0, within), within))
    return last
