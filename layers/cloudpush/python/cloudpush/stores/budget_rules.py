"""How the ledger of `ports.BudgetStore` changes: the rules that every store keeps to.

take        begins when the posts before it are paid for, and pays for its own: posts / rate;
            where it would begin too late, it pays nothing; fewer than none are given back
slow_down   halves the rate, at most once a second
time        gives a rate that was cut a twentieth of the full rate back each second
"""

from __future__ import annotations

from typing import Final

import msgspec

BURST_MS: Final = 100
"""Posts that nobody made are lost after so long: nothing is saved up for a burst."""

CUT_EVERY_MS: Final = 1000
"""Workers that are refused side by side cut the rate once."""

RECOVERY_PER_SECOND: Final = 0.05
LEAST_SHARE: Final = 0.01


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down."""

    paid_until_us: int = 0
    """Until then the rate is used up. In ms, single posts would round to nothing."""
    cut_share: float = 1.0
    """What part of the full rate was left when it was last cut."""
    cut_at_ms: int = 0

    def share(self, now_ms: int) -> float:
        """Return what part of the full rate is used now."""
        since_ms = max(0, now_ms - self.cut_at_ms)
        return min(1.0, self.cut_share + RECOVERY_PER_SECOND * since_ms / 1000)

    def take(
        self, posts: int, *, rate: int, now_ms: int, longest_wait_ms: int | None = None
    ) -> Ledger:
        """Return the ledger after so many posts were paid for; they begin where it now ends."""
        if longest_wait_ms is not None and self.wait_ms(now_ms) > longest_wait_ms:
            return self
        start_us = max(self.paid_until_us, (now_ms - BURST_MS) * 1000)
        cost_us = round(posts * 1_000_000 / (rate * self.share(now_ms)))
        return msgspec.structs.replace(self, paid_until_us=start_us + cost_us)

    def wait_ms(self, now_ms: int) -> int:
        """Return how long the next posts have to wait."""
        return max(0, -(-self.paid_until_us // 1000) - now_ms)

    def slow_down(self, now_ms: int) -> Ledger:
        """Return the ledger after the gateway refused posts for the account's quota."""
        if now_ms - self.cut_at_ms < CUT_EVERY_MS:
            return self
        share = max(LEAST_SHARE, self.share(now_ms) / 2)
        return msgspec.structs.replace(self, cut_share=share, cut_at_ms=now_ms)
