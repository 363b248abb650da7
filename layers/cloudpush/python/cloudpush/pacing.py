"""How fast fan-outs post: one rate for all of them, and what the gateway's refusals say of it.

A 429 has two meanings. Single ones are clients that do not read: each of these waits for itself, by
a job of its own. Many at once are the account's quota: then every fan-out slows down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cloudpush.ports import BudgetStore

LEAST_REFUSED: Final = 10
"""So many 429 at once, and a twentieth of the posts, are the account's quota."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What fan-outs and their repetitions may post; nobody else pays."""

    store: BudgetStore
    posts_per_second: int

    def pay(self, posts: int, *, now_ms: int) -> int:
        """Pay for so many posts; return how many ms they have to wait.

        Raises:
            StoreUnavailable: perhaps they were paid.
        """
        return self.store.take(posts, rate=self.posts_per_second, now_ms=now_ms) if posts else 0

    def heed(self, *, throttled: int, posts: int, now_ms: int) -> None:
        """Slow down if so many refused of so many posts are the account's quota.

        Raises:
            StoreUnavailable: perhaps it was noted.
        """
        if throttled >= max(LEAST_REFUSED, posts // 20):
            self.store.slow_down(now_ms=now_ms)
