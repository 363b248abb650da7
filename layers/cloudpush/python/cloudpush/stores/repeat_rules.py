"""How long an idempotency key is kept, and when who reserved it counts as dead."""

from __future__ import annotations

from typing import Final

REPEAT_LIFETIME_MS: Final = 24 * 60 * 60 * 1000

DEAD_AFTER_MS: Final = 60 * 1000
"""Without an answer after so long, a caller has died, and the next one takes over."""
