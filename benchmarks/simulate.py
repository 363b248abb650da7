"""`make simulate`: what a deployment takes and costs from a thousand connections to ten million.

It prints the tables of docs/explanation/scaling.md, and with `--write` puts them there. Nothing is
measured and nothing is called: see `capacity`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from benchmarks.capacity import (
    Deployment,
    broadcast,
    even_shards,
    kept_dollars,
    work,
)
from benchmarks.figures import align
from benchmarks.page import write_page
from benchmarks.servers import ROOT
from benchmarks.standing import standing, storm_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE: Final = ROOT / "docs" / "explanation" / "scaling.md"
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


def broadcasts() -> Iterator[Sequence[str]]:
    """Yield the rows of pushes to all."""
    yield (
        "connections",
        "at 7,000/s",
        "workers",
        "at 50,000/s",
        "workers",
        "a push",
        "of it Lambda and DynamoDB",
        "with `qos` 1",
    )
    for size in SIZES:
        paced = broadcast(size)
        fast = broadcast(size, deployment=Deployment(broadcast_rate=50_000))
        yield (
            f"{size:,}",
            _seconds(paced.seconds),
            f"{paced.most_workers}",
            _seconds(fast.seconds),
            f"{fast.most_workers}",
            _dollars(paced.dollars),
            _dollars(paced.lambda_dollars + paced.store_dollars),
            _dollars(kept_dollars(size)),
        )


def works() -> Iterator[Sequence[str]]:
    """Yield the rows of what a push to all asks of the store."""
    yield "connections", "claims", "pages", "reads of a shard", "payments", "requests for a post"
    for size in SIZES:
        done = work(even_shards(size))
        requests = done.shard_reads + 2 * done.claims + done.pages + 2 * done.payments
        yield (
            f"{size:,}",
            f"{done.claims:,}",
            f"{done.pages:,}",
            f"{done.shard_reads:,}",
            f"{done.payments:,}",
            f"{requests / size:.4f}",
        )


def connections() -> Iterator[Sequence[str]]:
    """Yield the rows of connections that do nothing but live."""
    yield (
        "connections",
        "connects/s",
        "heartbeats/s",
        "all connect in",
        "a month, connected",
        "coming again",
        "heartbeats",
        "writes/s a shard",
    )
    for size in SIZES:
        found = standing(size)
        yield (
            f"{size:,}",
            f"{found.connects_per_second:,.1f}",
            f"{found.heartbeats_per_second:,.0f}",
            _seconds(found.first_connect_seconds),
            _dollars(found.connection_dollars),
            _dollars(found.reconnect_dollars),
            _dollars(found.heartbeat_dollars),
            f"{found.shard_write_units:,.2f}",
        )


def quotas() -> Iterator[Sequence[str]]:
    """Yield the rows of what to ask AWS for."""
    yield (
        "connections",
        "back after an outage, at 500/s",
        "to ask for: connects/s",
        "then back in",
        "requests/s",
        "environments",
        "writes/s of the table",
    )
    for size in SIZES:
        found = standing(size)
        asked = round(found.quota_connects)
        yield (
            f"{size:,}",
            _seconds(storm_seconds(size, connects_per_second=500)),
            f"{asked:,}",
            _seconds(storm_seconds(size, connects_per_second=asked)),
            f"{found.quota_requests:,.0f}",
            f"{found.quota_environments:,.0f}",
            f"{found.quota_write_units:,.0f}",
        )


TABLES: Final = {
    "broadcasts": broadcasts,
    "work": works,
    "connections": connections,
    "quotas": quotas,
}


def blocks() -> dict[str, str]:
    """Return the page's tables by name."""
    return {name: align(list(rows()), 0) for name, rows in TABLES.items()}


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description="what a deployment on AWS takes and costs")
    parser.add_argument("--write", action="store_true", help=f"put them into {PAGE.name}")
    arguments = parser.parse_args()
    found = blocks()
    if arguments.write:
        write_page(PAGE, found)
    for name, text in found.items():
        print(f"{name}\n\n{text}\n")


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 60:,.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def _dollars(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.4f}"


if __name__ == "__main__":
    main()
