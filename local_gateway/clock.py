"""The one module of the emulator that reads the clock, and the timers that connections share.

Ten thousand connections with a timer each, re-armed by every frame, would cost more than the frames
do. So a deadline here is an entry in a table that one timer of the event loop looks after, and
nothing is re-armed by traffic: `Wheel` asks an expired connection when it was last active, and puts
it back. `Deadlines` serves what always waits equally long, so that its entries are in order.
Neither does I/O: both are told the time, so a test lets it pass.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")


def now_ms() -> int:
    """Return milliseconds since the epoch."""
    return time.time_ns() // 1_000_000  # noqa: TID251 — this is the one place


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for durations."""
    return time.monotonic()


@lru_cache(maxsize=8)
def http_date(second: int) -> bytes:
    """Return the value of a `Date` header for `second` since the epoch (RFC 9110, 5.6.7)."""
    return formatdate(second, usegmt=True).encode()


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
    """Keys in slots of `slot_seconds` each, by the slot in which they are to be looked at.

    Coarse on purpose: a key is looked at up to one slot late, never early. Adding and discarding
    cost O(1), and an entry about 60 bytes.
    """

    __slots__ = ("_slots", "slot_seconds")

    def __init__(self, slot_seconds: float) -> None:
        self.slot_seconds = slot_seconds
        self._slots: dict[int, set[K]] = {}

    def __len__(self) -> int:
        """Return how many keys wait."""
        return sum(len(keys) for keys in self._slots.values())

    def add(self, key: K, due: float) -> int:
        """Let `key` be looked at from `due` on; return the slot, which `discard` needs."""
        slot = int(due / self.slot_seconds) + 1
        keys = self._slots.get(slot)
        if keys is None:
            keys = self._slots[slot] = set()
        keys.add(key)
        return slot

    def discard(self, key: K, slot: int) -> None:
        """Take `key` out of the slot that `add` returned; a key that is gone stays gone."""
        keys = self._slots.get(slot)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._slots[slot]

    def next_due(self) -> float | None:
        """Return when the first slot is to be looked at, None if there is none."""
        return min(self._slots) * self.slot_seconds if self._slots else None

    def expire(self, now: float) -> list[K]:
        """Take out all keys whose slot has come at `now`."""
        last = int(now / self.slot_seconds)
        due = sorted(slot for slot in self._slots if slot <= last)
        return [key for slot in due for key in self._slots.pop(slot)]


class Alarm(Generic[K]):
    """One timer of the event loop over a table of deadlines.

    It is armed for the first deadline and, when it fires, for the first one of that moment. A
    deadline that is discarded meanwhile costs nothing but a timer that finds nothing due.
    """

    __slots__ = ("_handle", "_on_expired", "table")

    def __init__(self, table: Deadlines[K] | Wheel[K], on_expired: Callable[[K], None]) -> None:
        """Take the table, and what to call with each key that expires."""
        self.table = table
        self._on_expired = on_expired
        self._handle: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """See to it that the timer runs; call it after each `add`."""
        if self._handle is None:
            self._schedule()

    def stop(self) -> None:
        """Cancel the timer; the table stays as it is."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self) -> None:
        due = self.table.next_due()
        if due is not None:
            # A millisecond late rather than early: early would find nothing due, and spin.
            delay = max(0.0, due - monotonic()) + 0.001
            self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._handle = None
        for key in self.table.expire(monotonic()):
            self._on_expired(key)
        self.arm()
