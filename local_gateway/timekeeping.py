"""Let time pass for a whole emulator, and wait until what that has set going has come to rest.

An advance stops at each moment at which something is due. There the embedded services are told the
time, what is due happens, and what it has set going runs to its end before time moves on: the
functions that were invoked, what they send to queues, the batches that follow. What ran before the
advance began is not waited for, so that a function that takes too long can be timed out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from local_gateway import clock
from local_gateway import why as reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local_gateway.why import Why

    Running = Callable[[], Iterable[asyncio.Future[Any]]]
    """Returns what works; each is done when its part has come to rest."""

PATIENCE_SECONDS = 10.0
"""How long, on the machine's clock, what a moment has set going is waited for. Ours."""
LONGEST_ADVANCE_SECONDS = 366 * 86_400.0
"""The most that one advance may be. Ours: a slip of the finger must not run for hours."""


class Followers(Protocol):
    """Those who keep the emulated time in another process."""

    async def tell_time(self) -> None:
        """Let them follow; when this returns, all that they had to say before has been heard."""
        ...


_keepers: list[Timekeeper] = []


class Timekeeper:
    """Moves the emulated time of one emulator."""

    def __init__(
        self, *, running: Running, followers: Followers, why: Why, has_functions: bool
    ) -> None:
        """Take what is to come to rest, and whom to tell the time.

        `has_functions` is whether there is anybody to whom the machine's time would matter.
        """
        self._running = running
        self._followers = followers
        self._why = why
        self._has_functions = has_functions

    def start(self) -> None:
        """Take part in the advances of all emulators of this event loop, which share the time."""
        _keepers.append(self)

    def stop(self) -> None:
        """Take part no more."""
        _keepers.remove(self)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: everything that falls due happens, in order, at its own moment."""
        if self._has_functions:
            self._why.say(reasons.TIME_ADVANCED, "clock")
        async with clock.moving():
            before = _all_running()
            await clock.advance(
                seconds, has_moved=_tell_everybody, settle=lambda: self._settle(before)
            )

    async def settle(self) -> None:
        """Wait until nothing runs, and all that was sent to a queue has been handled.

        What takes longer than `PATIENCE_SECONDS` is left running.
        """
        await self._settle(set())

    async def _settle(self, ignored: set[asyncio.Future[Any]]) -> None:
        """Wait for all but `ignored`, to which is added what takes too long."""
        patience = clock.machine() + PATIENCE_SECONDS
        while True:
            await _tell_everybody()
            await asyncio.sleep(0)  # who was told just now begins to work
            running = _all_running() - ignored
            if not running:
                return
            left = max(0.0, patience - clock.machine())
            _, late = await asyncio.wait(running, timeout=left)
            if late:
                self._why.say(reasons.TIME_DID_NOT_WAIT, "clock", seconds=PATIENCE_SECONDS)
                ignored |= late

    def running(self) -> Iterable[asyncio.Future[Any]]:
        """Return what works in this emulator."""
        return self._running()

    async def tell_time(self) -> None:
        """Let those follow who keep the time for this emulator."""
        await self._followers.tell_time()


def _all_running() -> set[asyncio.Future[Any]]:
    return {future for keeper in _keepers for future in keeper.running()}


async def _tell_everybody() -> None:
    for keeper in tuple(_keepers):
        await keeper.tell_time()
