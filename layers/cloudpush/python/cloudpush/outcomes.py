"""What posts come to: who has it, who is tried again, who is gone, and what is given up.

The gateway's word is not the last one. A 410 of a connection that is pending, or young, means that
it is not open yet; after `MAX_ATTEMPTS` what was tried again is given up. The store learns who
answered and who is gone; of a fan-out, `parking` learns who failed for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.errors import StoreUnavailable
from cloudpush.model import Connection
from cloudpush.pacing import is_quota
from cloudpush.ports import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.parking import Parking
    from cloudpush.ports import ConnectionStore

MAX_ATTEMPTS: Final = 8
"""How often one delivery is tried, over 1 + 2 + … + 64 = 127 seconds, at most twice that."""

_log = logging.getLogger(__name__)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch: every connection of it stands in exactly one list."""

    sent: Sequence[Connection] = ()
    waiting: Sequence[Connection] = ()
    """Will be tried again, by a job."""
    gone: Sequence[Connection] = ()
    """Closed; forgotten now."""
    dropped: Sequence[tuple[Connection, Outcome]] = ()
    """Given up, and why: a loss that somebody should see."""
    throttled: int = 0
    """Posts that the gateway answered 429; their connections stand in a list all the same."""
    parked: int = 0
    """Those of `waiting` that nothing was posted to: a job does it."""

    @property
    def posts(self) -> int:
        """Return how many posts it tells of."""
        told_of = len(self.sent) + len(self.waiting) + len(self.gone) + len(self.dropped)
        return told_of - self.parked

    def __add__(self, other: Report) -> Report:
        """Return both as one."""
        return Report(
            sent=[*self.sent, *other.sent],
            waiting=[*self.waiting, *other.waiting],
            gone=[*self.gone, *other.gone],
            dropped=[*self.dropped, *other.dropped],
            throttled=self.throttled + other.throttled,
            parked=self.parked + other.parked,
        )


def judge(
    connections: Sequence[Connection],
    outcomes: Sequence[Outcome],
    *,
    store: ConnectionStore,
    clock: Callable[[], int],
) -> Report:
    """Tell what posts came to that nobody repeats one by one, and keep the books.

    `waiting` are those that are worth another attempt; the caller makes it.
    """
    report = classify(connections, outcomes, attempt=1, may_open=may_open_by(store, clock()))
    keep_books(store, opened=report.sent, closed=report.gone, now_ms=clock())
    return report


def classify(
    connections: Sequence[Connection],
    outcomes: Sequence[Outcome],
    *,
    attempt: int,
    may_open: Callable[[Connection], bool],
) -> Report:
    """Put each connection into one list, by what became of its post."""
    if _all_sent(outcomes):
        return Report(sent=connections)
    sent: list[Connection] = []
    waiting: list[Connection] = []
    gone: list[Connection] = []
    dropped: list[tuple[Connection, Outcome]] = []
    for connection, outcome in zip(connections, outcomes, strict=True):
        is_gone = outcome is Outcome.GONE
        if outcome is Outcome.SENT:
            sent.append(connection)
        elif attempt < MAX_ATTEMPTS and (
            outcome.is_temporary or (is_gone and may_open(connection))
        ):
            waiting.append(connection)
        elif is_gone:
            gone.append(connection)
        else:
            dropped.append((connection, outcome))
    throttled = sum(outcome is Outcome.THROTTLED for outcome in outcomes)
    return Report(sent=sent, waiting=waiting, gone=gone, dropped=dropped, throttled=throttled)


def may_open_by(store: ConnectionStore, now_ms: int) -> Callable[[Connection], bool]:
    """Return the test for a 410 that means «not open yet», by what the store knows by now."""

    def may_open(connection: Connection) -> bool:
        try:
            current = store.get(connection.connection_id, now_ms=now_ms)
        except StoreUnavailable:
            return connection.is_young(now_ms)
        # Unknown by now: `$disconnect` came in between, and there is nothing to wait for.
        return current is not None and current.is_young(now_ms)

    return may_open


def note_failures(
    connections: Sequence[Connection],
    outcomes: Sequence[Outcome],
    *,
    parking: Parking,
    now_ms: int,
) -> None:
    """Note who failed for itself; so many that it is the gateway's doing are nobody's own."""
    if _all_sent(outcomes):
        parking.note(failed=(), sent=connections, now_ms=now_ms)
        return
    failed = [
        each for each, outcome in zip(connections, outcomes, strict=True) if outcome.is_temporary
    ]
    if is_quota(len(failed), posts=len(connections)):
        failed = []
    sent = (
        each for each, outcome in zip(connections, outcomes, strict=True) if outcome is Outcome.SENT
    )
    parking.note(failed=failed, sent=sent, now_ms=now_ms)


def keep_books(
    store: ConnectionStore,
    *,
    opened: Sequence[Connection] = (),
    closed: Sequence[Connection] = (),
    now_ms: int,
) -> None:
    """Record what the posts taught; the next post or frame teaches it again if this fails.

    So a store that does not answer is no reason to repeat what has been delivered.
    """
    try:
        for connection in opened:
            if not connection.is_open:
                store.confirm(connection.connection_id, now_ms=now_ms)
        for connection in closed:
            store.forget(connection.connection_id, now_ms=now_ms)
    except StoreUnavailable:
        _log.warning("outcomes of posts could not be recorded", exc_info=True)


def _all_sent(outcomes: Sequence[Outcome]) -> bool:
    """Tell whether every post arrived: of a page that is the rule, and one look for all."""
    return outcomes.count(Outcome.SENT) == len(outcomes)
