"""Connections whose posts fail again and again, and theirs alone: nobody waits for them.

A client that does not read makes the gateway answer late, or with 429. A page of a fan-out would
wait for it, so its post becomes a job at once. The mark is the environment's own, and ends by
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudpush.model import Connection

STRIKES: Final = 2
"""So many failures in a row mark a connection."""

PARKED_MS: Final = 60_000
"""For so long after its last failure; then a page tries it once more."""

MOST: Final = 10_000
"""So many connections are remembered, the ones that failed last."""


class Parking:
    """Who failed how often, and when last."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, int]] = {}

    def divide(
        self, connections: Sequence[Connection], *, now_ms: int
    ) -> tuple[Sequence[Connection], list[Connection]]:
        """Return those that a page posts to, and those that are parked."""
        if not self._failures:
            return connections, []
        parked = [each for each in connections if self._is_parked(each.connection_id, now_ms)]
        if not parked:
            return connections, []
        left_out = {each.connection_id for each in parked}
        return [each for each in connections if each.connection_id not in left_out], parked

    def note(
        self, *, failed: Iterable[Connection], sent: Iterable[Connection], now_ms: int
    ) -> None:
        """Note which connections a post to failed, and which took one."""
        if self._failures:
            for each in sent:
                self._failures.pop(each.connection_id, None)
        for each in failed:
            strikes, _ = self._failures.pop(each.connection_id, (0, 0))
            self._failures[each.connection_id] = (strikes + 1, now_ms)
        while len(self._failures) > MOST:
            del self._failures[next(iter(self._failures))]

    def _is_parked(self, connection_id: str, now_ms: int) -> bool:
        strikes, at_ms = self._failures.get(connection_id, (0, 0))
        return strikes >= STRIKES and now_ms < at_ms + PARKED_MS
