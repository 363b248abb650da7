"""Rates as a model: for each name until when its rate is used up."""

from __future__ import annotations

import threading

from cloudpush.stores.rate_rules import BURST_MS, cost_ms


class MemoryRateStore:
    """`limiting.RateStore` in this process's memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used_until_ms: dict[str, int] = {}

    def lease(self, name: str, tokens: int, *, per_second: int, now_ms: int) -> int:
        """See `limiting.RateStore.lease`."""
        with self._lock:
            used_ms = max(self._used_until_ms.get(name, 0), now_ms) + cost_ms(tokens, per_second)
            wait_ms = used_ms - now_ms - BURST_MS
            if wait_ms > 0:
                return wait_ms
            self._used_until_ms[name] = used_ms
            return 0
