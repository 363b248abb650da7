"""Publish to all: one publication into its deliveries, shard by shard, page by page.

A job for all 256 shards is divided into jobs of 16, which run side by side. Each reads its
shards, posts, and before the time of its invocation runs out hands the rest to a new job, with
the place where it stopped. Every job posts at least one page, so a chain of them comes to its
end; that a fault makes one that does not, `MAX_HOPS` prevents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import delivery
from cloudpush.errors import HopLimitReached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudpush.delivery import Outlet, Report
    from cloudpush.model import Connection, FanOut
    from cloudpush.ports import ConnectionStore, JobQueue

SHARDS_PER_JOB: Final = 16
"""So a broadcast is 16 jobs, and at most 16 invocations run side by side for it."""

PAGE: Final = 500
"""Connections that are read at once, and at least as many posted at once where there are."""

RESERVE_MS: Final = 10_000
"""When less of the invocation's time is left, the rest is handed on."""

POST_SECONDS: Final = 5.0
"""How long the posts of a page may take: with the bookkeeping, well below the reserve."""

MAX_HOPS: Final = 1000
"""How many jobs may follow from one another; a job does 50 seconds of work in its minute."""


async def fan_out(
    job: FanOut,
    *,
    outlet: Outlet,
    jobs: JobQueue,
    clock: Callable[[], int],
    remaining_ms: Callable[[], int],
    report: Callable[[Report], None],
) -> None:
    """Do one job of the fan-out queue.

    Args:
        job: what to publish, and to which shards from where.
        outlet: the way out; what must be tried again goes to its queue.
        jobs: the fan-out queue, which takes what is left to do.
        clock: milliseconds since the epoch.
        remaining_ms: how long this invocation has still to live.
        report: takes what became of each page.

    Raises:
        HopLimitReached: this job is the last of too long a chain.
        StoreUnavailable, QueueUnavailable: the job must be done again, from its beginning.
    """
    if job.hop > MAX_HOPS:
        raise HopLimitReached(f"{job.publication.message_id} was handed on {MAX_HOPS} times")
    if len(job.shards) > SHARDS_PER_JOB:
        jobs.send(_divide(job))
        return
    page: list[Connection] = []
    for connections, rest in _read(job, outlet.store, clock):
        page.extend(connections)
        is_time_up = remaining_ms() < RESERVE_MS
        if page and (len(page) >= PAGE or is_time_up or rest is None):
            report(
                await delivery.deliver(
                    job.publication,
                    page,
                    outlet=outlet,
                    clock=clock,
                    deadline_seconds=POST_SECONDS,
                )
            )
            page = []
            is_time_up = remaining_ms() < RESERVE_MS
        if is_time_up and rest is not None:
            jobs.send([rest])
            return


def _divide(job: FanOut) -> list[FanOut]:
    return [
        msgspec.structs.replace(
            job, shards=job.shards[start : start + SHARDS_PER_JOB], hop=job.hop + 1
        )
        for start in range(0, len(job.shards), SHARDS_PER_JOB)
    ]


def _read(
    job: FanOut, store: ConnectionStore, clock: Callable[[], int]
) -> Iterator[tuple[tuple[Connection, ...], FanOut | None]]:
    """Yield page after page, each with the job that would go on behind it, or None at the end."""
    cursor = job.cursor
    for index, shard in enumerate(job.shards):
        while True:
            page = store.read_shard(shard, cursor=cursor, limit=PAGE, now_ms=clock())
            cursor = page.cursor
            left = job.shards[index:] if cursor is not None else job.shards[index + 1 :]
            rest = msgspec.structs.replace(job, shards=left, cursor=cursor, hop=job.hop + 1)
            yield page.connections, rest if left else None
            if cursor is None:
                break
