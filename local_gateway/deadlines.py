"""The tables of deadlines that connections and calls share.

Ten thousand connections with a timer each, re-armed by every frame, would cost more than the frames
do. So a deadline here is an entry in a table that one timer looks after, and nothing is re-armed by
traffic: `Wheel` asks an expired connection when it was last active, and puts it back. `Deadlines`
serves what always waits equally long, so that its entries are in order. Neither does I/O: both are
told the time, so a test lets it pass.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from local_gateway import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")


class Deadlines(Generic[K]):
    """Keys that each expire the same time after they were added.

    Adding and discarding cost O(1); the first to expire is the first that was added.
    """

    __slots__ = ("_due", "after_seconds")

    def __init__(self, after_seconds: float) -> None:
        self.after_seconds = after_seconds
        self._due: dict[K, float] = {}

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._due)

    def add(self, key: K, now: float) -> None:
        """Let `key` expire `after_seconds` from `now`; a key is added once."""
        self._due[key] = now + self.after_seconds

    def discard(self, key: K) -> bool:
        """Take `key` out; False if it had expired, or was never there."""
        return self._due.pop(key, None) is not None

    def next_due(self) -> float | None:
        """Return when the first key expires, None if there is none."""
        return next(iter(self._due.values()), None)

    def expire(self, now: float) -> list[K]:
        """Take out the keys that are due at `now`, in the order in which they were added."""
        expired: list[K] = []
        for key, due in self._due.items():
            if due > now:
                break
            expired.append(key)
        for key in expired:
            del self._due[key]
        return expired


class Wheel(Generic[K]):
    """Keys in slots of `slot_seconds` each, by the end of the slot in which they are due.

    Coarse on purpose: a key is looked at up to one slot late, never early. Adding costs O(log s)
    for s slots, discarding O(1), and an entry about 60 bytes. Without a length of slots each key
    is looked at when it is due.
    """

    __slots__ = ("_order", "_slots", "slot_seconds")

    def __init__(self, slot_seconds: float) -> None:
        self.slot_seconds = slot_seconds
        self._slots: dict[float, set[K]] = {}
        self._order: list[float] = []

    def __len__(self) -> int:
        """Return how many keys wait."""
        return sum(len(keys) for keys in self._slots.values())

    def add(self, key: K, due: float) -> float:
        """Let `key` be looked at from `due` on; return the slot, which `discard` needs."""
        length = self.slot_seconds
        slot = (int(due / length) + 1) * length if length else due
        keys = self._slots.get(slot)
        if keys is None:
            keys = self._slots[slot] = set()
            heapq.heappush(self._order, slot)
        keys.add(key)
        return slot

    def discard(self, key: K, slot: float) -> None:
        """Take `key` out of the slot that `add` returned; a key that is gone stays gone."""
        keys = self._slots.get(slot)
        if keys is not None:
            keys.discard(key)

    def next_due(self) -> float | None:
        """Return when the first slot is to be looked at, None if there is none."""
        while self._order and not self._slots[self._order[0]]:
            del self._slots[heapq.heappop(self._order)]
        return self._order[0] if self._order else None

    def expire(self, now: float) -> list[K]:
        """Take out all keys whose slot has come at `now`."""
        expired: list[K] = []
        while self._order and self._order[0] <= now:
            expired.extend(self._slots.pop(heapq.heappop(self._order)))
        return expired


class _Timer(Protocol):
    def cancel(self) -> None: ...


class Alarm(Generic[K]):
    """One timer of the emulated time over a table of deadlines.

    It is armed for the first deadline and, when it fires, for the first one of that moment. A
    deadline that is discarded meanwhile costs nothing but a timer that finds nothing due.
    """

    __slots__ = ("_on_expired", "_timer", "table")

    def __init__(self, table: Deadlines[K] | Wheel[K], on_expired: Callable[[K], None]) -> None:
        """Take the table, and what to call with each key that expires."""
        self.table = table
        self._on_expired = on_expired
        self._timer: _Timer | None = None

    def arm(self) -> None:
        """See to it that the timer runs; call it after each `add`."""
        if self._timer is None:
            due = self.table.next_due()
            if due is not None:
                self._timer = self._call_at(due)

    def stop(self) -> None:
        """Cancel the timer; the table stays as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call_at(self, due: float) -> _Timer:
        return clock.call_at(due, self._fire)

    def _now(self) -> float:
        return clock.monotonic()

    def _fire(self) -> None:
        self._timer = None
        for key in self.table.expire(self._now()):
            self._on_expired(key)
        self.arm()


class MachineAlarm(Alarm[K]):
    """An `Alarm` on the machine's time, for what processes take."""

    __slots__ = ()

    def _call_at(self, due: float) -> _Timer:
        # A millisecond late rather than early: early would find nothing due, and spin.
        delay = max(0.0, due - clock.machine()) + 0.001
        return asyncio.get_running_loop().call_later(delay, self._fire)

    def _now(self) -> float:
        return clock.machine()
