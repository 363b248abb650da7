"""Idempotency keys on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}repeat:{KEY}    hash   which request, its message's id, when, and its answer

The braces around `KEY` stand in the key itself. Every method is one script and one round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cloudpush.ports import Repeat
from cloudpush.stores.redis_client import read_script, translated_errors
from cloudpush.stores.repeat_rules import DEAD_AFTER_MS, REPEAT_LIFETIME_MS

if TYPE_CHECKING:
    from cloudpush.stores.redis_client import Client


class RedisIdempotencyStore:
    """`ports.IdempotencyStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._prefix = prefix
        self._begin, self._complete, self._abandon = (
            read_script(client, f"repeat/{name}") for name in ("begin", "complete", "abandon")
        )

    def begin(self, key: str, *, fingerprint: str, message_id: str, now_ms: int) -> Repeat:
        """See `ports.IdempotencyStore.begin`."""
        with translated_errors():
            answer = self._begin(
                [self._key(key)],
                [fingerprint, message_id, now_ms, REPEAT_LIFETIME_MS, DEAD_AFTER_MS],
            )
        known_id, is_mine, is_same, text = cast("tuple[str, int, int, str]", answer)
        return Repeat(
            message_id=known_id,
            is_mine=bool(is_mine),
            is_same=bool(is_same),
            answer=text or None,
        )

    def complete(self, key: str, *, answer: str, now_ms: int) -> None:
        """See `ports.IdempotencyStore.complete`."""
        del now_ms  # the key lapses by itself
        with translated_errors():
            self._complete([self._key(key)], [answer])

    def abandon(self, key: str, *, begun_at_ms: int) -> None:
        """See `ports.IdempotencyStore.abandon`."""
        with translated_errors():
            self._abandon([self._key(key)], [begun_at_ms])

    def _key(self, key: str) -> str:
        return f"{self._prefix}repeat:{{{key}}}"
