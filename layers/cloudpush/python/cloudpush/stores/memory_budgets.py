"""The ledger of posts as a model: one record."""

from __future__ import annotations

import threading

from cloudpush.stores.budget_rules import Ledger


class MemoryBudgetStore:
    """`ports.BudgetStore` in this process's memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ledger = Ledger()

    def take(
        self, posts: int, *, rate: int, now_ms: int, longest_wait_ms: int | None = None
    ) -> int:
        """See `ports.BudgetStore.take`."""
        with self._lock:
            before = self._ledger
            self._ledger = before.take(
                posts, rate=rate, now_ms=now_ms, longest_wait_ms=longest_wait_ms
            )
            return before.wait_ms(now_ms)

    def slow_down(self, *, now_ms: int) -> None:
        """See `ports.BudgetStore.slow_down`."""
        with self._lock:
            self._ledger = self._ledger.slow_down(now_ms)
