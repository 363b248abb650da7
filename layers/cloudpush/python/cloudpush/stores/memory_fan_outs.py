"""How far fan-outs are, as a model: a dictionary of shards for each."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from cloudpush.model import Place, Posted
from cloudpush.ports import FanOutClaim, FanOutProgress

if TYPE_CHECKING:
    from cloudpush.model import Message
    from cloudpush.ports import FanOutStep


@dataclass
class _Shard:
    owner: str = ""
    free_at_ms: int = 0
    cursor: str | None = None


@dataclass
class _FanOut:
    ends_at_ms: int
    open: dict[int, _Shard]
    posted: Posted = Posted()  # noqa: RUF009 — frozen
    first_at_ms: int | None = None
    last_at_ms: int | None = None
    watched_until_ms: int = 0


class MemoryFanOutStore:
    """`ports.FanOutStore` in this process's memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fan_outs: dict[str, _FanOut] = {}

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
        with self._lock:
            found = self._find(message.message_id, now_ms)
            if found is None:
                found = self._fan_outs[message.message_id] = _FanOut(
                    message.ends_at_ms, {shard: _Shard() for shard in range(message.shards)}
                )
            free = [shard for shard, each in found.open.items() if each.free_at_ms <= now_ms]
            for shard in free[:limit]:
                found.open[shard].owner = owner
                found.open[shard].free_at_ms = now_ms + lease_ms
            if free or not found.open:
                places = (Place(shard=each, cursor=found.open[each].cursor) for each in free)
                return FanOutClaim(places=tuple(places)[:limit], is_over=not found.open)
            if found.watched_until_ms > now_ms:
                return FanOutClaim()
            found.watched_until_ms = min(each.free_at_ms for each in found.open.values())
            return FanOutClaim(look_again_at_ms=found.watched_until_ms)

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
        with self._lock:
            found = self._find(message_id, now_ms)
            if found is None:
                return frozenset()
            held = {shard: each for shard, each in found.open.items() if each.owner == owner}
            for place in (*step.held, *step.released):
                if place.shard in held:
                    held[place.shard].cursor = place.cursor
            for place in step.held:
                if place.shard in held:
                    held[place.shard].free_at_ms = now_ms + lease_ms
            for place in step.released:
                if place.shard in held:
                    held[place.shard].owner, held[place.shard].free_at_ms = "", 0
            for shard in step.finished:
                if shard in held:
                    del found.open[shard]
            found.posted = msgspec.structs.replace(
                found.posted,
                **{
                    name: getattr(found.posted, name) + number
                    for name, number in msgspec.structs.asdict(step.posted).items()
                },
            )
            found.first_at_ms = found.first_at_ms or now_ms
            found.last_at_ms = now_ms
            return frozenset(each.shard for each in step.held if each.shard in held)

    def get(self, message_id: str, *, now_ms: int) -> FanOutProgress | None:
        """See `ports.FanOutStore.get`."""
        with self._lock:
            found = self._find(message_id, now_ms)
            if found is None:
                return None
            return FanOutProgress(
                open_shards=len(found.open),
                posted=found.posted,
                first_at_ms=found.first_at_ms,
                last_at_ms=found.last_at_ms,
            )

    def _find(self, message_id: str, now_ms: int) -> _FanOut | None:
        found = self._fan_outs.get(message_id)
        return found if found is not None and found.ends_at_ms > now_ms else None
