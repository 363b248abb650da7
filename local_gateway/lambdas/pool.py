"""The environments of one function: which one gets an event, when another one is started.

An event goes to the environment that was used last, so that those beyond the need stay untouched.
If none is free it waits, in order, for the first one that is, be it busy or starting.

Lambda starts an environment for every event that finds none free, and has a core for each. So does
this, up to a process per core; beyond that, another one is started once the first in the queue has
waited for `GROW_AFTER_SECONDS` and one environment has been at its event for as long. Events that
take a fraction of that share the few processes, however many wait; events that block get one each
after all. Measured with an empty handler, 50 events at once and 2 cores: 16 processes took twice
the CPU per event that 2 took (80 to 108 µs against 48), and 14 MB each.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import orjson

from local_gateway import clock
from local_gateway.deadlines import Deadlines, MachineAlarm
from local_gateway.lambdas.environment import Blueprint, Environment, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable

CORES: Final = max(2, os.cpu_count() or 1)
"""How many environments of a function are started without waiting, and at most at once."""

GROW_AFTER_SECONDS: Final = 0.01
"""How long the first in the queue waits, while another event is still being handled, until one more
environment is started. Ours."""

_STOPPING: Final = "the emulator is stopping"
_REPLACED: Final = "its code was replaced"


class Pool:
    """Up to `limit` environments made after one blueprint."""

    def __init__(self, blueprint: Blueprint, *, limit: int, on_timeout: Callable[[], None]) -> None:
        self._blueprint = blueprint
        self._limit = limit
        self._all: set[Environment] = set()
        self._starting: set[Environment] = set()
        self._outdated: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: OrderedDict[Invocation, None] = OrderedDict()
        self._prewarmed: dict[Environment, asyncio.Future[bytes | None]] = {}
        self._growth: asyncio.TimerHandle | None = None
        self._deadlines: Deadlines[Environment] = Deadlines(blueprint.function.timeout_seconds)
        self._alarm = MachineAlarm(self._deadlines, self._time_out)
        self._on_timeout = on_timeout
        self._is_stopping = False
        self._emptied = asyncio.Event()

    @property
    def process_ids(self) -> list[int]:
        """Return the processes that have not ended, in no order."""
        return [environment.pid for environment in self._all]

    def in_flight(self) -> list[Invocation]:
        """Return the events that wait or are being handled, and that somebody waits for."""
        handled = [each.invocation for each in self._all if each.invocation is not None]
        return [each for each in (*self._waiting, *handled) if not each.is_settled]

    def submit(self, invocation: Invocation) -> None:
        """Give an event to an environment, now or as soon as there is one.

        It is refused if its concurrency is reserved as 0, or the emulator is stopping.
        """
        if self._is_stopping:
            invocation.refuse(_STOPPING)
            return
        if not self._limit:
            invocation.refuse("ReservedConcurrentExecutions is 0: every event is throttled")
            return
        while self._idle:
            if self._idle.pop().run(invocation):
                return
        invocation.waits_since = clock.machine()
        self._waiting[invocation] = None
        self._grow()

    def withdraw(self, invocation: Invocation) -> None:
        """Forget an event that still waits; one that is being handled is handled to its end."""
        self._waiting.pop(invocation, None)

    async def prewarm(self) -> str | None:
        """Start the first environment if there is none; return what is wrong, or None."""
        if self._all or self._is_stopping or not self._limit:
            return None
        environment = self._start()
        if environment is None:
            return f"no process could be started in {self._blueprint.function.code}"
        self._prewarmed[environment] = asyncio.get_running_loop().create_future()
        error = await self._prewarmed[environment]
        if error is None:
            return None
        fault = orjson.loads(error)
        return f"{fault['errorType']}: {fault['errorMessage']}"

    def recycle(self) -> None:
        """Drop every environment once it is idle; new ones take over."""
        idle, self._idle = self._idle, []
        for environment in (*idle, *self._starting):
            environment.discard(_REPLACED)
        self._outdated |= self._all

    def stop(self) -> None:
        """Kill all processes and refuse all callers; `wait_stopped` waits for the end."""
        self._is_stopping = True
        self._alarm.stop()
        if self._growth is not None:
            self._growth.cancel()
        waiting, self._waiting = self._waiting, OrderedDict()
        for invocation in waiting:
            invocation.refuse(_STOPPING)
        for environment in tuple(self._all):
            environment.discard(_STOPPING)
        if not self._all:
            self._emptied.set()

    async def wait_stopped(self) -> None:
        """Wait until no process is left, after `stop`."""
        await self._emptied.wait()

    # What environments call.

    def is_busy(self, environment: Environment, since: float) -> None:
        """See `Owner`."""
        self._deadlines.add(environment, since)
        self._alarm.arm()

    def is_done(self, environment: Environment) -> None:
        """See `Owner`."""
        self._deadlines.discard(environment)

    def is_free(self, environment: Environment) -> None:
        """See `Owner`: the first in the queue gets it."""
        if environment in self._starting:
            self._started(environment, None)
        if environment in self._outdated:
            environment.discard(_REPLACED)
            return
        while self._waiting:
            invocation, _ = self._waiting.popitem(last=False)
            if invocation.is_settled:
                continue  # given up
            if not environment.run(invocation):
                self._waiting[invocation] = None
                self._waiting.move_to_end(invocation, last=False)
            return
        self._idle.append(environment)

    def has_failed(
        self, environment: Environment, error: Callable[[str], bytes], log_tail: bytes
    ) -> None:
        """See `Owner`: on Lambda, each waiting event would have had such an environment.

        With others alive, that goes for the first in the queue. With none, all that have waited
        since before it was started fail: trying in turn would make the last wait for minutes. Who
        came later gets another try, for the code may have been mended meanwhile.
        """
        self._started(environment, error(""))
        failed = [each for each in self._waiting if each.waits_since <= environment.started]
        if any(each.is_alive for each in self._all):
            failed = failed[:1]
        for invocation in failed:
            del self._waiting[invocation]
            invocation.fail(error(invocation.request_id), log_tail)

    def is_gone(self, environment: Environment) -> None:
        """See `Owner`: make room, and replace the last one if a handler took it down."""
        self._all.discard(environment)
        self._outdated.discard(environment)
        self._started(environment, None)
        if environment in self._idle:
            self._idle.remove(environment)
        if self._is_stopping:
            if not self._all:
                self._emptied.set()
        elif environment.runs and not self._all and not self._waiting:
            self._start()
        else:
            self._grow()

    def _time_out(self, environment: Environment) -> None:
        self._on_timeout()
        environment.time_out()

    def _grow(self) -> None:
        """Start an environment if the queue is worth one; else look again when it may be."""
        if not self._waiting or len(self._all) >= self._limit:
            return  # `submit` and `is_gone` call again
        now, first = clock.machine(), next(iter(self._waiting))
        due = first.waits_since
        if len(self._all) >= CORES:
            expires_at = self._deadlines.next_due()  # of the event that has been handled longest
            if expires_at is not None:
                due = max(due, expires_at - self._deadlines.after_seconds)
            due += GROW_AFTER_SECONDS
        if now >= due and len(self._starting) < min(CORES, len(self._waiting)):
            self._start()
        if self._growth is None and self._waiting:
            delay = due - now if due > now else GROW_AFTER_SECONDS
            self._growth = asyncio.get_running_loop().call_later(delay, self._grow_again)

    def _grow_again(self) -> None:
        self._growth = None
        self._grow()

    def _start(self) -> Environment | None:
        """Start an environment; if that can't be, refuse all that wait."""
        try:
            environment = Environment(self._blueprint, self)
        except OSError as error:
            problem = f"its process can't be started: {error}"
            self._blueprint.write_line(f"{self._blueprint.label} {problem}")
            waiting, self._waiting = self._waiting, OrderedDict()
            for invocation in waiting:
                invocation.refuse(problem)
            return None
        self._all.add(environment)
        self._starting.add(environment)
        return environment

    def _started(self, environment: Environment, error: bytes | None) -> None:
        """Note that an environment isn't starting any more; the first call counts."""
        self._starting.discard(environment)
        prewarmed = self._prewarmed.pop(environment, None)
        if prewarmed is not None and not prewarmed.done():
            prewarmed.set_result(error)
