"""The threads of one function: a queue that they all take from, and when there is one more.

All threads share the interpreter's lock, so one more helps only where handlers block: it is started
while events wait, and one of those that are being handled has taken `GROW_AFTER_SECONDS`.
"""

from __future__ import annotations

import asyncio
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import orjson

from local_gateway import clock
from local_gateway.lambdas import faults
from local_gateway.lambdas.bootstrap import INIT_ERROR, READY, RESULT
from local_gateway.lambdas.inline.environment import InlineEnvironment, library
from local_gateway.lambdas.inline.speech import EXITED, PRINTED, Mouth
from local_gateway.lambdas.pool import GROW_AFTER_SECONDS, STOPPING, THROTTLED
from local_gateway.lambdas.result import UNHANDLED, InvokeResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from local_gateway.lambdas.inline.environment import Events, Plan
    from local_gateway.lambdas.inline.speech import Word
    from local_gateway.lambdas.invocation import Invocation


class InlinePool:
    """Up to `limit` threads of one function; every method is called on the event loop."""

    def __init__(self, plan: Plan, *, limit: int, on_timeout: Callable[[], None]) -> None:
        library()
        self._plan = plan
        self._limit = limit
        self._on_timeout = on_timeout
        self._events: Events = SimpleQueue()
        self._mouth = Mouth(asyncio.get_running_loop(), self)
        self._all: set[InlineEnvironment] = set()
        self._starting: set[InlineEnvironment] = set()
        self._pending: set[Invocation] = set()
        """The events that wait or are being handled."""
        self._prewarming: list[asyncio.Future[str | None]] = []
        self._watch: asyncio.TimerHandle | None = None
        self._growth: asyncio.TimerHandle | None = None
        self._is_stopping = False

    @property
    def process_ids(self) -> list[int]:
        """Return no process: there is none."""
        return []

    def in_flight(self) -> list[Invocation]:
        """Return the events that wait or are being handled, and that somebody waits for."""
        return [each for each in self._pending if not each.is_settled]

    def submit(self, invocation: Invocation) -> None:
        """Give an event to an environment, now or as soon as there is one."""
        if self._is_stopping:
            invocation.refuse(STOPPING)
            return
        if not self._limit:
            invocation.refuse(THROTTLED)
            return
        invocation.waits_since = clock.machine()
        self._pending.add(invocation)
        self._events.put(invocation)
        if not self._all:
            self._start()
        if self._growth is None and len(self._all) < self._limit:
            loop = asyncio.get_running_loop()
            self._growth = loop.call_later(GROW_AFTER_SECONDS, self._grow)
        if self._watch is None:
            self._keep_watch(clock.machine())

    def withdraw(self, invocation: Invocation) -> None:
        """Forget an event that still waits: whoever takes it sees that nobody wants it."""
        self._pending.discard(invocation)

    async def prewarm(self) -> str | None:
        """Start the first environment if there is none; return what is wrong, or None."""
        if self._all or self._is_stopping or not self._limit:
            return None
        started: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._prewarming.append(started)
        self._start()
        return await started

    def recycle(self) -> None:
        """Let every environment end after its event; new ones take what waits."""
        waiting = list(self._take_waiting())
        before, self._events = self._events, SimpleQueue()
        for environment in self._all:
            environment.is_given_up = True
            before.put(None)
        self._all.clear()
        self._starting.clear()
        for invocation in waiting:
            self.submit(invocation)

    def retire(self, successor: Callable[[Invocation], None]) -> None:
        """Let every environment end after its event, and hand what waits to `successor`."""
        waiting = list(self._take_waiting())
        self.recycle()
        for invocation in waiting:
            successor(invocation)

    @property
    def is_empty(self) -> bool:
        """Return whether nobody is left to be told by a pool that was retired."""
        return not self.in_flight()

    def stop(self) -> None:
        """Refuse all callers; a thread that is busy is left to end with the process."""
        self._is_stopping = True
        for timer in filter(None, (self._watch, self._growth)):
            timer.cancel()
        for invocation in self._take_waiting():
            invocation.refuse(STOPPING)
        for environment in self._all:
            environment.is_given_up = True
            self._events.put(None)
            if (invocation := environment.invocation) is not None:
                invocation.refuse(STOPPING)
        self._all.clear()
        self._tell_prewarming(STOPPING)

    async def wait_stopped(self) -> None:
        """Return at once: a thread can't be killed, and its handler may go on for ever."""

    def hear(self, words: Sequence[Word]) -> None:
        """See `speech.Owner`."""
        for word in words:
            word.environment.show()
            if word.kind == PRINTED:
                continue
            if word.kind == READY:
                self._starting.discard(word.environment)
                self._tell_prewarming(None)
            elif word.kind == INIT_ERROR or (word.kind == EXITED and word.invocation is None):
                self._has_failed(word)
            else:
                self._has_answered(word)

    def _has_answered(self, word: Word) -> None:
        if (invocation := word.invocation) is not None:
            self._pending.discard(invocation)
            payload = word.payload
            if word.kind == EXITED:
                self._all.discard(word.environment)
                payload = faults.exited(invocation.request_id, word.exit_status)
            error = None if word.kind == RESULT else UNHANDLED
            invocation.settle(
                InvokeResult(
                    payload,
                    error,
                    invocation.request_id,
                    word.tail,
                    word.duration_ms,
                    word.is_cold,
                )
            )
        if not self._all and not self._events.empty():
            self._start()

    def _has_failed(self, word: Word) -> None:
        """Fail those that have waited since before it was started, as on Lambda."""
        environment = word.environment
        self._all.discard(environment)
        self._starting.discard(environment)
        fault = orjson.loads(word.payload or faults.exited("", word.exit_status))
        self._tell_prewarming(f"{fault['errorType']}: {fault['errorMessage']}")
        waiting = list(self._take_waiting())
        for index, invocation in enumerate(waiting):
            is_older = invocation.waits_since <= environment.started
            if is_older and (not self._all or index == 0):
                error = word.payload or faults.exited(invocation.request_id, word.exit_status)
                invocation.fail(error, word.tail)
            else:
                self.submit(invocation)

    def _take_waiting(self) -> Iterator[Invocation]:
        while True:
            try:
                invocation = self._events.get_nowait()
            except Empty:
                return
            if invocation is not None:
                self._pending.discard(invocation)
                yield invocation

    def _keep_watch(self, now: float) -> None:
        """Give up what takes longer than the function's timeout; look again when that may be."""
        self._watch = None
        limit = self._plan.function.timeout_seconds
        due = now + limit
        for environment in tuple(self._all):
            invocation, begun = environment.invocation, environment.begun
            if invocation is None:
                continue
            if begun + limit <= now:
                self._give_up(environment, invocation)
            else:
                due = min(due, begun + limit)
        if any(each.invocation for each in self._all) or not self._events.empty():
            self._watch = asyncio.get_running_loop().call_later(
                due - now + 0.001, lambda: self._keep_watch(clock.machine())
            )

    def _give_up(self, environment: InlineEnvironment, invocation: Invocation) -> None:
        """Tell the caller of an event that takes too long; its thread ends when it can."""
        environment.is_given_up = True
        self._all.discard(environment)
        self._pending.discard(invocation)
        text = f"Task timed out after {self._plan.function.timeout_seconds:.2f} seconds"
        line = f"{invocation.request_id} {text}\n"
        environment.write(line)
        environment.show()
        invocation.settle(
            InvokeResult(
                faults.timed_out(invocation.request_id, text),
                UNHANDLED,
                invocation.request_id,
                line.encode(),
                self._plan.function.timeout_seconds * 1000,
            )
        )
        self._on_timeout()
        if not self._all and not self._events.empty():
            self._start()

    def _grow(self) -> None:
        """Start an environment if events wait behind one that blocks."""
        self._growth = None
        if self._events.empty() or len(self._all) >= self._limit:
            return
        late = clock.machine() - GROW_AFTER_SECONDS
        busy = [each for each in self._all if each.invocation is not None and each.begun <= late]
        if busy and not self._starting:
            self._start()
        self._growth = asyncio.get_running_loop().call_later(GROW_AFTER_SECONDS, self._grow)

    def _start(self) -> None:
        environment = InlineEnvironment(self._plan, self._events, self._mouth)
        self._all.add(environment)
        self._starting.add(environment)

    def _tell_prewarming(self, problem: str | None) -> None:
        prewarming, self._prewarming = self._prewarming, []
        for started in prewarming:
            if not started.done():
                started.set_result(problem)
