"""What tokens of a rate cost: time that is used up, in whole ms, and never none."""

from __future__ import annotations

from typing import Final

from cloudpush.limiting import BURST_SECONDS

BURST_MS: Final = BURST_SECONDS * 1000


def cost_ms(tokens: int, per_second: int) -> int:
    """Return how long the rate takes to bring so many tokens, rounded up."""
    return -(-tokens * 1000 // per_second)
