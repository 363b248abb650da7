"""How far fan-outs are, on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}{SHARD}:fan-out:ID       hash   who holds which shard, each one's place, what was posted
    {prefix}{SHARD}:open-shards:ID   zset   the shards that are not finished, by when each is free

The braces around `SHARD`, which is the message's, stand in the key itself. Every method is one
round trip. Both keys expire by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from cloudpush.model import Place, Posted, shard_of
from cloudpush.ports import FanOutClaim, FanOutProgress
from cloudpush.stores.redis_client import read_script, translated_errors

if TYPE_CHECKING:
    from cloudpush.model import Message
    from cloudpush.ports import FanOutStep
    from cloudpush.stores.redis_client import Client

_COUNTS: Final = ("sent", "waiting", "gone", "dropped", "untracked")  # as in save.lua


class RedisFanOutStore:
    """`ports.FanOutStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._client = client
        self._prefix = prefix
        self._claim, self._save = (
            read_script(client, f"fan_out/{name}") for name in ("claim", "save")
        )

    def claim(
        self,
        message: Message,
        *,
        owner: str,
        limit: int,
        lease_ms: int,
        now_ms: int,
    ) -> FanOutClaim:
        """See `ports.FanOutStore.claim`."""
        with translated_errors():
            answer = self._claim(
                self._keys(message.message_id),
                [now_ms, owner, limit, now_ms + lease_ms, message.ends_at_ms, message.shards],
            )
        left, look_again_at_ms, *granted = cast("list[str | int]", answer)
        places = (
            Place(shard=int(shard), cursor=str(cursor) or None)
            for shard, cursor in zip(granted[::2], granted[1::2], strict=True)
        )
        return FanOutClaim(
            places=tuple(places),
            is_over=not left,
            look_again_at_ms=int(float(look_again_at_ms)) or None,
        )

    def save(
        self,
        message_id: str,
        *,
        owner: str,
        step: FanOutStep,
        lease_ms: int,
        now_ms: int,
    ) -> frozenset[int]:
        """See `ports.FanOutStore.save`."""
        posted = step.posted
        counts = [getattr(posted, name) for name in _COUNTS]
        shards: list[str | int] = []
        for what, group in (("held", step.held), ("released", step.released)):
            for each in group:
                shards += [each.shard, what, each.cursor or ""]
        for shard in step.finished:
            shards += [shard, "finished", ""]
        with translated_errors():
            answer = self._save(
                self._keys(message_id), [now_ms, owner, now_ms + lease_ms, *counts, *shards]
            )
        return frozenset(int(each) for each in cast("list[str]", answer))

    def get(self, message_id: str, *, now_ms: int) -> FanOutProgress | None:
        """See `ports.FanOutStore.get`."""
        state, shards = self._keys(message_id)
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(state)
            pipeline.zcard(shards)
            found, left = cast("tuple[dict[str, str], int]", pipeline.execute())
        if not found or int(found["ends_at_ms"]) <= now_ms:
            return None
        first_at_ms, last_at_ms = (found.get(each) for each in ("first_at_ms", "last_at_ms"))
        return FanOutProgress(
            open_shards=left,
            posted=Posted(**{name: int(found.get(name, "0")) for name in _COUNTS}),
            first_at_ms=int(first_at_ms) if first_at_ms else None,
            last_at_ms=int(last_at_ms) if last_at_ms else None,
        )

    def _keys(self, message_id: str) -> list[str]:
        """Return KEYS as the scripts name them (fan_out/claim.lua)."""
        home = f"{self._prefix}{{{shard_of(message_id):03}}}"
        return [f"{home}:fan-out:{message_id}", f"{home}:open-shards:{message_id}"]
