"""The ledger of posts on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}budget   hash   until when the rate is used up, and when it was last cut

Every method is one round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cloudpush.stores import budget_rules as rules
from cloudpush.stores.redis_client import read_script, translated_errors

if TYPE_CHECKING:
    from cloudpush.stores.redis_client import Client


class RedisBudgetStore:
    """`ports.BudgetStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._key = f"{prefix}budget"
        self._script = read_script(client, "budget/change")

    def take(
        self, posts: int, *, rate: int, now_ms: int, longest_wait_ms: int | None = None
    ) -> int:
        """See `ports.BudgetStore.take`."""
        return self._change(posts, rate=rate, longest_wait_ms=longest_wait_ms, now_ms=now_ms)

    def slow_down(self, *, now_ms: int) -> None:
        """See `ports.BudgetStore.slow_down`."""
        self._change(0, rate=1, longest_wait_ms=None, now_ms=now_ms)

    def _change(self, posts: int, *, rate: int, longest_wait_ms: int | None, now_ms: int) -> int:
        numbers = (
            rules.BURST_MS,
            rules.CUT_EVERY_MS,
            rules.RECOVERY_PER_SECOND,
            rules.LEAST_SHARE,
        )
        longest = "" if longest_wait_ms is None else longest_wait_ms
        with translated_errors():
            answer = self._script([self._key], [now_ms, posts, rate, *map(str, numbers), longest])
        return cast("int", answer)
