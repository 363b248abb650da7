"""Disconnect clients that have been silent for longer than the stale limit, once a minute.

Silence is what the client did not send: pushes to it do not keep it alive. Whoever sends a sign
of life between the reading and the claim keeps its connection, because the claim looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush import delivery
from cloudpush.delivery import Report
from cloudpush.model import SHARDS
from cloudpush.protocol import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudpush.delivery import Outlet
    from cloudpush.model import Connection
    from cloudpush.ports import ConnectionStore

RESERVE_MS: Final = 25_000
"""When less of the invocation's time is left, the rest waits for the next minute: the posts and
the deletions of one page may take ten seconds each."""

_MINUTE_MS: Final = 60_000


async def sweep(
    *,
    stale_after_ms: int,
    outlet: Outlet,
    clock: Callable[[], int],
    remaining_ms: Callable[[], int],
) -> Report:
    """Close and forget every connection last seen before the limit; a limit of 0 closes none.

    A page is claimed and closed before the next is read, so that a crash leaves at most one page
    open and forgotten. Where the time does not suffice for all shards, the next minute's sweep
    begins elsewhere, and none is left out for ever.
    """
    report = Report()
    if stale_after_ms == 0:
        return report
    first = first_shard(clock())
    for shard in range(first, first + SHARDS):
        for page in _read_stale(shard % SHARDS, stale_after_ms, outlet.store, clock):
            claimed = [
                each
                for each in page
                if outlet.store.forget_unseen(
                    each.connection_id,
                    seen_before_ms=clock() - stale_after_ms,
                    now_ms=clock(),
                )
            ]
            if claimed:
                report += await delivery.close(claimed, CloseCode.STALE, outlet=outlet, clock=clock)
            if remaining_ms() < RESERVE_MS:
                return report
    return report


def first_shard(now_ms: int) -> int:
    """Return where this minute's sweep begins: in 256 minutes, every shard once."""
    return now_ms // _MINUTE_MS * 37 % SHARDS  # 37 and 256 share no factor


def _read_stale(
    shard: int, stale_after_ms: int, store: ConnectionStore, clock: Callable[[], int]
) -> Iterator[tuple[Connection, ...]]:
    cursor = None
    while True:
        page = store.read_stale(
            shard,
            seen_before_ms=clock() - stale_after_ms,
            cursor=cursor,
            now_ms=clock(),
        )
        yield page.connections
        cursor = page.cursor
        if cursor is None:
            return
