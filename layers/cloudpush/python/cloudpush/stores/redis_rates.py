"""Rates on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}rate:{NAME}   string   until when the rate is used up, ms

The braces around `NAME` stand in the key itself. A lease is one script and one round trip; the key
goes when the rate is whole again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cloudpush.stores.rate_rules import BURST_MS, cost_ms
from cloudpush.stores.redis_client import read_script, translated_errors

if TYPE_CHECKING:
    from cloudpush.stores.redis_client import Client


class RedisRateStore:
    """`limiting.RateStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._prefix = prefix
        self._script = read_script(client, "rate/lease")

    def lease(self, name: str, tokens: int, *, per_second: int, now_ms: int) -> int:
        """See `limiting.RateStore.lease`."""
        key = f"{self._prefix}rate:{{{name}}}"
        with translated_errors():
            answer = self._script([key], [now_ms, cost_ms(tokens, per_second), BURST_MS])
        return cast("int", answer)
