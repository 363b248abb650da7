"""How fast is posted what nobody waits for: one rate for all of it, and what refusals say of it.

lane        who                                            asks
budget      fan-outs, what they repeat, what is resent     the ledger, and waits
            to a client, the closes of the sweep
reserve     handshakes and what greets them, frames and    nobody
            their answers, single pushes, the HTTP API

A 429 has two meanings. Single ones are clients that do not read: each of these waits for itself, by
a job of its own. Many at once are the account's quota: then all of the lane slows down.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloudpush.errors import StoreUnavailable
from cloudpush.ports import Outcome
from cloudpush.together import Together

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cloudpush.ports import BudgetStore, ManagementApi, Post

LEAST_REFUSED: Final = 10
"""So many 429 at once, and a twentieth of the posts, are the account's quota."""

MAX_WAIT_MS: Final = 3_000
"""What would wait longer is tried again later: with its post, well below a writer's lease."""

_log = logging.getLogger(__name__)


def is_quota(failed: int, *, posts: int) -> bool:
    """Tell whether so many failed of so many posts that it is nobody's own doing."""
    return failed >= max(LEAST_REFUSED, posts // 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be posted that nobody waits for."""

    store: BudgetStore
    posts_per_second: int

    def pay(self, posts: int, *, now_ms: int, longest_wait_ms: int | None = None) -> int:
        """Pay for so many posts; return how many ms they have to wait.

        Nothing is paid if that is more than `longest_wait_ms`. Fewer than none are given back.

        Raises:
            StoreUnavailable: perhaps they were paid.
        """
        if not posts:
            return 0
        return self.store.take(
            posts,
            rate=self.posts_per_second,
            now_ms=now_ms,
            longest_wait_ms=longest_wait_ms,
        )

    def heed(self, *, throttled: int, posts: int, now_ms: int) -> None:
        """Slow down if so many refused of so many posts are the account's quota.

        Raises:
            StoreUnavailable: perhaps it was noted.
        """
        if is_quota(throttled, posts=posts):
            self.store.slow_down(now_ms=now_ms)


class Purse:
    """What a worker has paid for and not posted yet: some of its posts are known afterwards."""

    def __init__(self, budget: Budget | None, *, clock: Callable[[], int]) -> None:
        self._budget = budget
        self._clock = clock
        self._credit = 0
        """Fewer than none were posted and not paid."""

    def pay_for(self, posts: int, *, longest_wait_ms: int) -> int:
        """Pay what is missing for so many posts; return how many ms they have to wait.

        Nothing is paid if that is more than `longest_wait_ms`.

        Raises:
            StoreUnavailable: perhaps they were paid.
        """
        missing = posts - self._credit
        if self._budget is None or missing <= 0:
            return 0
        wait_ms = self._budget.pay(missing, now_ms=self._clock(), longest_wait_ms=longest_wait_ms)
        if wait_ms <= longest_wait_ms:
            self._credit = posts
        return wait_ms

    def spend(self, posts: int) -> None:
        """Note that so many were posted."""
        self._credit -= posts

    def settle(self) -> None:
        """Give back what was not posted, and pay for what was posted beyond.

        Raises:
            StoreUnavailable: perhaps it was noted.
        """
        credit, self._credit = self._credit, 0
        if self._budget is not None:
            self._budget.pay(-credit, now_ms=self._clock())


class PacedManagementApi:
    """A `ManagementApi` that pays before each request, and waits for its turn.

    What is asked for in the same turn of the event loop is paid together. Where its turn is too far
    away nothing is sent and nothing paid, and the outcome is `DEFERRED`: whoever asked tries again
    later. It adds up who was refused, whichever call it was of: many connections are the quota.
    """

    def __init__(
        self,
        gateway: ManagementApi,
        budget: Budget,
        *,
        clock: Callable[[], int],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._gateway = gateway
        self._budget = budget
        self._clock = clock
        self._pause = pause
        self._turns = Together(self._take)
        self._posts = 0
        self._refused: set[str] = set()

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        """See `ports.ManagementApi.post_to_connections`; the deadline is that of the posts."""
        if not await self._has_turn(len(posts)):
            return [Outcome.DEFERRED] * len(posts)
        outcomes = await self._gateway.post_to_connections(posts, deadline_seconds=deadline_seconds)
        self._heed(posts, outcomes)
        return outcomes

    async def delete_connection(self, connection_id: str) -> Outcome:
        """See `ports.ManagementApi.delete_connection`."""
        if not await self._has_turn(1):
            return Outcome.DEFERRED
        return await self._gateway.delete_connection(connection_id)

    async def _has_turn(self, requests: int) -> bool:
        wait_ms = await self._turns.ask(requests)
        if wait_ms is None or wait_ms > MAX_WAIT_MS:
            return False
        if wait_ms:
            await self._pause(wait_ms / 1000)
        return True

    def _heed(self, posts: Sequence[Post], outcomes: Sequence[Outcome]) -> None:
        """Slow all down, and begin to count anew, when refusals are the quota's."""
        self._posts += len(posts)
        if Outcome.THROTTLED not in outcomes:
            return
        for post, outcome in zip(posts, outcomes, strict=True):
            if outcome is Outcome.THROTTLED:
                self._refused.add(post.connection_id)
        if is_quota(len(self._refused), posts=self._posts):
            try:
                self._budget.store.slow_down(now_ms=self._clock())
            except StoreUnavailable:
                _log.warning("refusals could not be noted", exc_info=True)
            self._posts, self._refused = 0, set()

    def _take(self, requests: Sequence[int]) -> Sequence[int | None]:
        wait_ms = None
        try:
            wait_ms = self._budget.pay(
                sum(requests), now_ms=self._clock(), longest_wait_ms=MAX_WAIT_MS
            )
        except StoreUnavailable:
            _log.warning("nothing is sent that cannot be paid for", exc_info=True)
        return [wait_ms] * len(requests)
