"""Rates on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}rate:{NAME}   string   until when the rate is used up, ms

The braces around `NAME` stand in the key itself. A lease is one script and one round trip; the key
goes when the rate is whole again.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Final, cast

from cloudpush.stores.rate_rules import BURST_MS, cost_ms
from cloudpush.stores.redis_client import translated_errors

if TYPE_CHECKING:
    from cloudpush.stores.redis_client import Client

_SCRIPT: Final = pathlib.Path(__file__).parent / "lua" / "rate" / "lease.lua"
_SHEBANG: Final = "#!lua\n"  # as in `redis`


class RedisRateStore:
    """`limiting.RateStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._prefix = prefix
        self._script = client.register_script(_SHEBANG + _SCRIPT.read_text())

    def lease(self, name: str, tokens: int, *, per_second: int, now_ms: int) -> int:
        """See `limiting.RateStore.lease`."""
        key = f"{self._prefix}rate:{{{name}}}"
        with translated_errors():
            answer = self._script([key], [now_ms, cost_ms(tokens, per_second), BURST_MS])
        return cast("int", answer)
