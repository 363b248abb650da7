"""The one module of the emulator that reads the clock, and the time that it lives in.

There are two times, and each can be read in milliseconds since the epoch or on a steady clock:

    the machine's   `machine_ms`, `machine`    functions, processes, sockets: what can't be moved
    the emulated    `now_ms`, `monotonic`      API Gateway, SQS, EventBridge: ids, events, timeouts,
                                               rates, schedules

The emulated time is the machine's until it is moved: `advance` lets hours pass at once, and after
`freeze` it moves by `advance` alone. All emulators of a process share it, as they share the module.

What waits for a moment of the emulated time waits on a `Timeline`, of which each event loop has
one. So an advance meets every deadline at its own moment, and in order.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from contextlib import asynccontextmanager
from email.utils import formatdate
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from local_gateway.errors import ClockShared

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

_HAIR_SECONDS = 1e-6
"""How much longer an advance is, so that sums of floats don't fall short of what they add up to."""
_LONGEST_SLEEP_SECONDS = 10.0
"""A machine that slept, or whose clock was set, is noticed this late by what waits for an hour of
the day."""


class State(NamedTuple):
    """How the emulated time follows from the machine's; a child process can be given it."""

    pace: int
    """1 if it runs, 0 if it is frozen."""
    offset: float
    """Seconds that are added to the machine's steady clock, or, if frozen, its whole value."""
    offset_ms: int
    """The same for the milliseconds since the epoch."""


_pace = 1
_offset = 0.0
_offset_ms = 0
_users = 0


def machine_ms() -> int:
    """Return milliseconds since the epoch as the machine, and every function, has them."""
    return time.time_ns() // 1_000_000  # noqa: TID251 — this is the one place


def machine() -> float:
    """Return seconds of the machine's clock that never goes back, for what processes take."""
    return time.monotonic()


def now_ms() -> int:
    """Return milliseconds since the epoch in the emulated time."""
    return time.time_ns() // 1_000_000 * _pace + _offset_ms  # noqa: TID251 — this is the one place


def monotonic() -> float:
    """Return seconds of a clock that never goes back, in the emulated time."""
    return time.monotonic() * _pace + _offset


def ahead_ms() -> int:
    """Return how many milliseconds the emulated time is ahead of the machine's."""
    return _offset_ms if _pace else _offset_ms - machine_ms()


@lru_cache(maxsize=8)
def http_date(second: int) -> bytes:
    """Return the value of a `Date` header for `second` since the epoch (RFC 9110, 5.6.7)."""
    return formatdate(second, usegmt=True).encode()


def state() -> State:
    """Return how the emulated time follows from the machine's."""
    return State(_pace, _offset, _offset_ms)


def follow(state: State) -> None:
    """Take over the emulated time of another process, or one from before."""
    global _pace, _offset, _offset_ms
    _pace, _offset, _offset_ms = state


def freeze() -> None:
    """Stop the emulated time where it is."""
    follow(State(0, _whole_ms(monotonic()) / 1000, now_ms()))


def is_frozen() -> bool:
    """Tell whether the emulated time stands still."""
    return _pace == 0


def _whole_ms(seconds: float) -> int:
    """Return the whole milliseconds in a sum of floats that may fall a hair short of them."""
    return int(seconds * 1000 + 0.01)


def _move(offset: float) -> None:
    """Put the emulated time forward to another offset, without a look at what is due."""
    # Both clocks move by the same whole milliseconds; the steady one keeps what is left over.
    follow(State(_pace, offset, _offset_ms + _whole_ms(offset) - _whole_ms(_offset)))


def join(*, frozen: bool) -> None:
    """Begin to use the emulated time, as one of the emulators of this process.

    Raises:
        ClockShared: For another one it runs, or stands still, where it shall not for this one.
    """
    global _users  # noqa: PLW0603 — the state of this module
    if _users and frozen != is_frozen():
        raise ClockShared(is_frozen=is_frozen())
    _users += 1
    if frozen and not is_frozen():
        freeze()


def leave() -> None:
    """Use it no longer; when nobody does, it is the machine's again."""
    global _users  # noqa: PLW0603 — the state of this module
    _users -= 1
    if not _users:
        follow(State(1, 0.0, 0))


class Timer:
    """Something to be called at a moment of the emulated time, unless it is cancelled before."""

    __slots__ = ("_timeline", "callback", "due", "due_ms", "number")

    def __init__(
        self,
        timeline: Timeline,
        due: float,
        due_ms: int | None,
        callback: Callable[[], object],
        number: int,
    ) -> None:
        self._timeline = timeline
        self.due = due
        self.due_ms = due_ms
        self.callback: Callable[[], object] | None = callback
        self.number = number

    def __lt__(self, other: Timer) -> bool:
        """Come first if it is due first, or due at the same time and older."""
        return (self.due, self.number) < (other.due, other.number)

    def cancel(self) -> None:
        """Don't call; a timer that was called or cancelled before stays as it is."""
        if self.callback is not None:
            self.callback = None
            self._timeline.has_cancelled()


class Timeline:
    """What waits for the emulated time on one event loop, which has one timer for it all."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._schedule = loop.call_later
        self._timers: list[Timer] = []
        self._cancelled = 0
        self._numbers = count()
        self._handle: asyncio.TimerHandle | None = None
        self.moving = asyncio.Lock()
        """Held by whoever makes an advance."""

    def add(self, due: float, due_ms: int | None, callback: Callable[[], object]) -> Timer:
        """Call `callback` at `due` on the steady clock, or at `due_ms` since the epoch."""
        timer = Timer(self, due, due_ms, callback, next(self._numbers))
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self.arm()
        return timer

    def has_cancelled(self) -> None:
        """Let go of cancelled timers once they are the greater part."""
        self._cancelled += 1
        if self._cancelled > len(self._timers) // 2:
            self._timers = [timer for timer in self._timers if timer.callback is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def next_due(self) -> float | None:
        """Return when something is due, None if nothing waits."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
            self._cancelled -= 1
        return self._timers[0].due if self._timers else None

    def run(self) -> None:
        """Call what is due, the first first."""
        now = monotonic()
        while (due := self.next_due()) is not None and due <= now:
            timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()

    def arm(self) -> None:
        """Have the event loop wake us when something is due; a frozen time never gets there."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        due = self.next_due()
        if due is not None and not is_frozen():
            # A millisecond late rather than early: early would find nothing due, and spin.
            delay = max(0.0, due - monotonic()) + 0.001
            self._handle = self._schedule(min(delay, _LONGEST_SLEEP_SECONDS), self._wake)

    def _wake(self) -> None:
        self._handle = None
        for timer in self._timers:
            if timer.due_ms is not None:
                timer.due = _steady(timer.due_ms)
        heapq.heapify(self._timers)
        self.run()
        self.arm()


_timelines: WeakKeyDictionary[asyncio.AbstractEventLoop, Timeline] = WeakKeyDictionary()


def _timeline() -> Timeline:
    loop = asyncio.get_running_loop()
    timeline = _timelines.get(loop)
    if timeline is None:
        timeline = _timelines[loop] = Timeline(loop)
    return timeline


def _steady(due_ms: int) -> float:
    """Return when the steady clock gets to a moment of the other one."""
    ahead_ms = due_ms - now_ms()
    if is_frozen():
        return (_whole_ms(_offset) + ahead_ms) / 1000
    return monotonic() + ahead_ms / 1000


def call_at(due: float, callback: Callable[[], object]) -> Timer:
    """Call `callback` once `monotonic()` has reached `due`."""
    return _timeline().add(due, None, callback)


def call_at_ms(due_ms: int, callback: Callable[[], object]) -> Timer:
    """Call `callback` once `now_ms()` has reached `due_ms`, also if the machine's clock is set."""
    return _timeline().add(_steady(due_ms), due_ms, callback)


def moving() -> asyncio.Lock:
    """Return what is held during an advance, so that the next one waits."""
    return _timeline().moving


@asynccontextmanager
async def timeout(seconds: float) -> AsyncGenerator[None]:
    """Do what `asyncio.timeout` does, in the emulated time."""
    async with asyncio.timeout(None) as limit:
        timer = call_at(monotonic() + seconds, lambda: limit.reschedule(0))
        try:
            yield
        finally:
            timer.cancel()


async def _nothing() -> None:
    pass


async def advance(
    seconds: float,
    *,
    has_moved: Callable[[], Awaitable[None]] = _nothing,
    settle: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    """Let time pass at once: what falls due on the way is called at its own moment, in order.

    At each such moment `has_moved` is awaited first, which tells others what time it is, and
    `settle` last, which waits for what the moment has set going.
    """
    timeline = _timeline()
    end = _offset + seconds + _HAIR_SECONDS
    while True:
        due, now = timeline.next_due(), monotonic()
        if _offset >= end and (due is None or due > now):
            break
        if due is None:
            _move(end)
        elif due > now:
            _move(min(end, due if is_frozen() else _offset + due - now + _HAIR_SECONDS))
        await has_moved()
        timeline.run()
        await settle()
    timeline.arm()
