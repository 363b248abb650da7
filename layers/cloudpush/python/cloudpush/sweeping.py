"""What is done once a minute, whatever happened to those who should have done it.

*Clients that have been silent* for longer than the stale limit are disconnected. Silence is what
the client did not send: pushes to it do not keep it alive. Whoever sends a sign of life between
the reading and the claim keeps its connection, because the claim looks again.

*Inboxes that want to be looked after* and that nobody looked after: a writer died, or its job was
lost, or a message's time is over and its client is away.

*Messages that are due*: those for later whose time comes, and those whose expansion died.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from cloudpush import accepting, delivery, expanding
from cloudpush.model import SHARDS, MessageState, Place
from cloudpush.outcomes import Report
from cloudpush.protocol import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cloudpush.delivery import Outlet
    from cloudpush.mailroom import Mailroom
    from cloudpush.ports import ConnectionStore, DueMessage, DuePage, InboxPage, Page

RESERVE_MS: Final = 28_000
"""When less of the invocation's time is left, the rest waits for the next minute: the posts and the
deletions of `CLOSED_AT_ONCE` may take ten seconds each, and three until it is their turn."""

_MINUTE_MS: Final = 60_000

SHARDS_AT_ONCE: Final = 32
"""So many shards are read side by side, or counted, between one look at the time and the next."""

STALE_PAGE: Final = 250
"""Connections that are read of each of these shards at a time: 2 MB of all together."""

CLOSED_AT_ONCE: Final = 500
"""Connections that are claimed and closed between one look at the time and the next."""

LATE_MS: Final = 10_000
"""An inbox whose job is so late has lost it."""

AHEAD_MS: Final = 90_000
"""Messages are handed to the queue so long before they are due: more than till the next sweep."""


class _HasCursor(Protocol):
    @property
    def cursor(self) -> str | None: ...


_Page = TypeVar("_Page", bound=_HasCursor)


async def sweep(
    *,
    stale_after_ms: int,
    outlet: Outlet,
    clock: Callable[[], int],
    remaining_ms: Callable[[], int],
) -> Report:
    """Close and forget every connection last seen before the limit; a limit of 0 closes none.

    Those that are claimed are closed before others are, so that a crash leaves at most
    `CLOSED_AT_ONCE` open and forgotten. Where the time does not suffice for all shards, the next
    minute's sweep begins elsewhere, and none is left out for ever.
    """
    report = Report()
    if stale_after_ms == 0:
        return report
    store = outlet.store

    def read(places: Sequence[Place]) -> Sequence[Page]:
        now_ms = clock()
        return store.read_stale(
            places, seen_before_ms=now_ms - stale_after_ms, limit=STALE_PAGE, now_ms=now_ms
        )

    for pages in _read_all(read, first_shard(clock())):
        silent = [each for page in pages for each in page.connections]
        for start in range(0, max(1, len(silent)), CLOSED_AT_ONCE):
            claimed = [
                each
                for each in silent[start : start + CLOSED_AT_ONCE]
                if store.forget_unseen(
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


def look_after_inboxes(
    *, mailroom: Mailroom, clock: Callable[[], int], remaining_ms: Callable[[], int]
) -> int:
    """Have a job look after every inbox that wants it; returns how many there are."""
    found = 0

    def read(places: Sequence[Place]) -> Sequence[InboxPage]:
        return mailroom.inboxes.read_due(places, due_before_ms=clock() - LATE_MS)

    for pages in _read_all(read, first_shard(clock())):
        late = [each for page in pages for each in page.client_ids]
        delivery.look_again(late, jobs=mailroom.outlet.jobs)
        found += len(late)
        if remaining_ms() < RESERVE_MS:
            break
    return found


def hand_over_messages(
    *, mailroom: Mailroom, clock: Callable[[], int], remaining_ms: Callable[[], int]
) -> int:
    """Give the queue the parts of messages that are due, or soon will be; returns how many.

    A message that was handed over is looked at again some minutes after it is due. Of two sweeps
    at the same time one hands it over; where that one dies before it did, the next look does.
    """
    found = 0

    def read(places: Sequence[Place]) -> Sequence[DuePage]:
        return mailroom.messages.read_due(places, due_before_ms=clock() + AHEAD_MS)

    for pages in _read_all(read, first_shard(clock())):
        for page in pages:
            found += sum(_hand_over(each, mailroom, clock()) for each in page.due)
        if remaining_ms() < RESERVE_MS:
            break
    return found


def _hand_over(due: DueMessage, mailroom: Mailroom, now_ms: int) -> bool:
    look_at_ms = max(now_ms, due.look_at_ms) + accepting.LOOK_AGAIN_MS
    if not mailroom.messages.postpone(due, look_at_ms=look_at_ms):
        return False
    record = mailroom.messages.get(due.message_id, now_ms=now_ms)
    if record is None or not record.is_open:
        return False
    if record.stage is MessageState.PAUSED:
        if now_ms < record.message.expires_at_ms:
            return False
        # Nobody gets it any more: let it go on to its end, which its recipients' receipts tell.
        mailroom.messages.set_paused(due.message_id, is_paused=False, now_ms=now_ms)
    expanding.hand_over(record.message, mailroom=mailroom, now_ms=now_ms)
    return True


def count_online(
    *, store: ConnectionStore, clock: Callable[[], int], remaining_ms: Callable[[], int]
) -> int | None:
    """Return how many connections are open, or None where the time did not suffice to count."""
    total = 0
    for first in range(0, SHARDS, SHARDS_AT_ONCE):
        total += store.count_shards(range(first, first + SHARDS_AT_ONCE), now_ms=clock())
        if remaining_ms() < RESERVE_MS:
            return None
    return total


def first_shard(now_ms: int) -> int:
    """Return where this minute's sweep begins: in 256 minutes, every shard once."""
    return now_ms // _MINUTE_MS * 37 % SHARDS  # 37 and 256 share no factor


def _read_all(
    read: Callable[[Sequence[Place]], Sequence[_Page]], first: int
) -> Iterator[Sequence[_Page]]:
    """Read every shard to its end, `SHARDS_AT_ONCE` side by side, beginning with this one."""
    waiting = [Place(shard=shard % SHARDS) for shard in range(first, first + SHARDS)]
    while waiting:
        places, waiting = waiting[:SHARDS_AT_ONCE], waiting[SHARDS_AT_ONCE:]
        pages = read(places)
        yield pages
        going_on = [
            Place(shard=place.shard, cursor=page.cursor)
            for place, page in zip(places, pages, strict=True)
            if page.cursor is not None
        ]
        waiting = going_on + waiting
