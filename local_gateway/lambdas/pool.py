"""The environments of one function: which one gets an event, when another one is started.

An event goes to the environment that was used last, so that those beyond the need stay untouched.
If none is free it waits, in order, for the first one that is, be it busy or starting.

Lambda starts an environment for every event that finds none free, and has a core for each. So does
this, up to a process per core; beyond that, another one is started once the first in the queue has
waited for `GROW_AFTER_SECONDS` and one environment has been at its event for as long. Events that
take a fraction of that share the few processes, however many wait; events that block get one each
after all. A busy environment gets its next events ahead of time, if the function is that fast, so
that the process never sleeps while there is work; taken back from one that turns out to be slow,
such an event waits for another environment like any other.

Measured with an empty handler, 50 events at once and 2 cores: 16 processes took twice
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
from local_gateway.lambdas.environment import Blueprint, Environment
from local_gateway.lambdas.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.lambdas.invocation import Invocation

CORES: Final = max(2, os.cpu_count() or 1)
"""How many environments of a function are started without waiting, and at most at once."""

GROW_AFTER_SECONDS: Final = 0.01
"""How long the first in the queue waits, while another event is still being handled, until one more
environment is started. Ours."""

TAKE_BACK_SECONDS: Final = 0.0025
"""How often what was sent ahead is looked at: what waits behind an event that takes longer than two
of these is taken back. Ours."""

STOPPING: Final = "the emulator is stopping"
THROTTLED: Final = "ReservedConcurrentExecutions is 0: every event is throttled"
"""Why an event is refused."""

_REPLACED: Final = "its code was replaced"


def _fault(error: bytes) -> str:
    """Return an error object in one line, whatever a runtime of one's own has posted for one."""
    try:
        fault = orjson.loads(error)
        return f"{fault['errorType']}: {fault['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return error.decode(errors="replace") or "Runtime.Unknown"


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
        self._roomy: dict[Environment, None] = {}  # busy ones that more can be sent ahead to
        self._laden: dict[Environment, None] = {}  # busy ones that something was sent ahead to
        self._favourite: Environment | None = None  # who gets all tiny events that it can take
        self._pace = Pace()
        self._review: asyncio.TimerHandle | None = None
        self._deadlines: Deadlines[Environment] = Deadlines(blueprint.function.timeout_seconds)
        self._alarm = MachineAlarm(self._deadlines, self._time_out)
        self._on_timeout = on_timeout
        self._successor: Callable[[Invocation], None] | None = None
        """Who gets what waits, once this pool has been replaced."""
        self._is_stopping = False
        self._emptied = asyncio.Event()

    @property
    def process_ids(self) -> list[int]:
        """Return the processes that have not ended, in no order."""
        return [environment.pid for environment in self._all]

    def in_flight(self) -> list[Invocation]:
        """Return the events that wait or are being handled, and that somebody waits for."""
        handled = [invocation for each in self._all for invocation in each.invocations]
        return [each for each in (*self._waiting, *handled) if not each.is_settled]

    def submit(self, invocation: Invocation) -> None:
        """Give an event to an environment, now or as soon as there is one.

        It is refused if its concurrency is reserved as 0, or the emulator is stopping.
        """
        if self._is_stopping:
            invocation.refuse(STOPPING)
            return
        if not self._limit:
            invocation.refuse(THROTTLED)
            return
        invocation.waits_since = clock.machine()
        if self._pace.is_tiny and self._run_next(invocation):
            return
        while self._idle:
            if self._idle.pop().run(invocation):
                return
        if self._pace.most_ahead and not self._waiting and self._run_next(invocation):
            return
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
        return _fault(error)

    def recycle(self) -> None:
        """Drop every environment once it is idle; new ones take over."""
        idle, self._idle = self._idle, []
        for environment in (*idle, *self._starting):
            environment.discard(_REPLACED)
        self._outdated |= self._all
        for environment in tuple(self._laden):
            self._unload(environment)
        self._grow()

    def retire(self, successor: Callable[[Invocation], None]) -> None:
        """Let every environment end after its event, and hand what waits to `successor`."""
        self._successor = successor
        self.recycle()
        waiting, self._waiting = self._waiting, OrderedDict()
        for invocation in waiting:
            successor(invocation)
        if not self._all:
            self._emptied.set()

    @property
    def is_empty(self) -> bool:
        """Return whether a pool that was retired or stopped has no process left."""
        return self._emptied.is_set()

    def stop(self) -> None:
        """Kill all processes and refuse all callers; `wait_stopped` waits for the end."""
        self._is_stopping = True
        self._alarm.stop()
        for timer in (self._growth, self._review):
            if timer is not None:
                timer.cancel()
        waiting, self._waiting = self._waiting, OrderedDict()
        for invocation in waiting:
            invocation.refuse(STOPPING)
        for environment in tuple(self._all):
            environment.discard(STOPPING)
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
        self._roomy[environment] = None

    def is_done(self, environment: Environment) -> None:
        """See `Owner`."""
        self._deadlines.discard(environment)
        self._roomy.pop(environment, None)
        if not environment.ahead:
            self._laden.pop(environment, None)
            if self._favourite is environment:
                self._favourite = None
        took_us = environment.took_us
        if took_us is not None:
            self._pace.note(took_us)

    def has_room(self, environment: Environment) -> None:
        """See `Owner`: the first in the queue are sent ahead."""
        while self._waiting and self._pace.most_ahead and environment in self._roomy:
            invocation, _ = self._waiting.popitem(last=False)
            if invocation.is_settled:
                continue
            if not self._run_next(invocation):
                self.give_back(invocation)
                return

    def give_back(self, invocation: Invocation) -> None:
        """See `Owner`: it is the first in the queue again."""
        if self._is_stopping:
            invocation.refuse(STOPPING)
        elif self._successor is not None:
            self._successor(invocation)
        elif not invocation.is_settled:
            self._waiting[invocation] = None
            self._waiting.move_to_end(invocation, last=False)

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
            if environment.run(invocation):
                self.has_room(environment)
            else:
                self.give_back(invocation)
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
        self._roomy.pop(environment, None)
        self._laden.pop(environment, None)
        self._started(environment, None)
        if environment in self._idle:
            self._idle.remove(environment)
        if self._is_stopping or self._successor is not None:
            if not self._all:
                self._emptied.set()
        elif environment.runs and not self._all and not self._waiting:
            self._start()
        else:
            self._grow()

    def _time_out(self, environment: Environment) -> None:
        if environment.time_out():
            self._on_timeout()

    def _run_next(self, invocation: Invocation) -> bool:
        """Send an event ahead to a busy environment; False if none takes it.

        Tiny ones go to the same one each time, so that the others run out of work and sleep.
        """
        if not self._roomy:
            return False
        environment = self._favourite
        if environment not in self._roomy or not self._pace.is_tiny:
            environment = next(iter(self._roomy))
        if self._favourite is None:
            self._favourite = environment
        has_taken = environment not in self._outdated and environment.run_next(invocation)
        if not has_taken or environment.ahead >= self._pace.most_ahead:
            del self._roomy[environment]
        if has_taken:
            self._laden[environment] = None
            if self._review is None:
                self._review_later()
        return has_taken

    def _review_later(self) -> None:
        self._review = asyncio.get_running_loop().call_later(TAKE_BACK_SECONDS, self._take_back)

    def _take_back(self) -> None:
        """Take events back from environments that turn out to be slow, for others to run."""
        self._review = None
        began_before = clock.machine() - 2 * TAKE_BACK_SECONDS
        for environment in [each for each in self._laden if each.begun < began_before]:
            self._roomy.pop(environment, None)
            self._unload(environment)
        while self._waiting and self._idle:
            self.is_free(self._idle.pop())
        self._grow()
        if self._laden:
            self._review_later()

    def _unload(self, environment: Environment) -> None:
        """Take back what was sent ahead to an environment."""
        self._laden.pop(environment, None)
        for invocation in reversed(environment.take_back()):
            self.give_back(invocation)

    def _grow(self) -> None:
        """Start an environment if the queue is worth one; else look again when it may be."""
        if not self._waiting or len(self._all) >= self._limit or self._successor is not None:
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
