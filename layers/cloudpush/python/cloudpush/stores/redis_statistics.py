"""Counters by the minute on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}minute:{TIME}   hash   counter -> number; TIME is when the minute began, ms

The braces around `TIME` stand in the key itself. `add` is one script; `read` one pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush.ports import Minute
from cloudpush.stores.minutes import KEPT_MS, minute_of, minutes_in
from cloudpush.stores.redis_client import read_script, translated_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudpush.stores.redis_client import Client


class RedisStatisticsStore:
    """`ports.StatisticsStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._client = client
        self._prefix = prefix
        self._add = read_script(client, "statistics/add")

    def add(self, counts: Mapping[str, int], *, now_ms: int) -> None:
        """See `ports.StatisticsStore.add`."""
        if not counts:
            return
        at_ms = minute_of(now_ms)
        args: list[str | bytes | int] = [at_ms + KEPT_MS]
        for name, value in counts.items():
            args += [name, value]
        with translated_errors():
            self._add([self._key(at_ms)], args)

    def read(self, *, from_ms: int, to_ms: int) -> Sequence[Minute]:
        """See `ports.StatisticsStore.read`."""
        times = minutes_in(from_ms, to_ms)
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for at_ms in times:
                pipeline.hgetall(self._key(at_ms))
            answers = pipeline.execute()
        return [
            Minute(at_ms=at_ms, counts={name: int(value) for name, value in found.items()})
            for at_ms, found in zip(times, answers, strict=True)
            if found
        ]

    def _key(self, at_ms: int) -> str:
        return f"{self._prefix}minute:{{{at_ms}}}"
