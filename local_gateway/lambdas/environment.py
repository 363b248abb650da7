"""One execution environment: a process that handles one event at a time, and what can go wrong.

    phase      what happens                phase     who hears of it
    starting   READY                       idle      owner.is_free
    starting   INIT_ERROR, exit, too slow  gone      owner.has_failed, with Lambda's error object
    idle       run                         busy
    busy       RESULT, ERROR               idle      the caller; owner.is_free
    busy       the same, but it asks       resting   the caller
    busy       the same, with some ahead   busy      owner.has_room; the caller
    busy       timeout, exit               gone      the caller: Sandbox.Timedout, Runtime.ExitError
    resting    READY                       idle      owner.is_free
    resting    timeout, exit               gone
    any        discard                     gone      the caller, if any: refused
    gone       the process has ended                 owner.is_gone, the last call of all

A runtime that asks for each event (`Transport.asks_for_events`) may exit after an answer, as Node's
does after an exception that nobody caught: it is free once it has asked. Until then the timeout of
the event that it answered holds, as on Lambda.

Events may be sent ahead to a busy environment, which then goes on without waiting for us: of all
that an event costs, that wait is the largest part. They are given back to the owner if the
environment ends before it has begun them, or when the owner takes them back.

A caller that gives up changes nothing: the event is handled to its end, and the environment is free
after that, as on Lambda.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from local_gateway import clock, ids
from local_gateway.lambdas import faults
from local_gateway.lambdas.bootstrap import ERROR, INIT_ERROR, READY, RESULT
from local_gateway.lambdas.output import Output
from local_gateway.lambdas.process import Process
from local_gateway.lambdas.result import UNHANDLED, InvokeResult
from local_gateway.lambdas.variables import log_stream_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import Function
    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.lambdas.transport import OpenTransport

INIT_SECONDS: Final = 10.0
"""How long a handler may load (Lambda developer guide, "Lambda execution environment lifecycle":
what takes longer starts over within the first invocation, under the function's timeout)."""


class Phase(Enum):
    """Where an environment is in its life; the table is in the module's docstring."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    RESTING = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What all environments of one function have in common."""

    function: Function
    variables: Mapping[str, str]
    """Of the process, without the name of the log stream, which is each environment's own."""
    open_transport: OpenTransport
    label: str
    """What precedes each line of the log."""
    write_line: Callable[[str], None]
    init_seconds: float
    """How long the handler may load, if that is longer than the function's timeout."""


class Owner(Protocol):
    """Who is told what becomes of an environment, on the event loop."""

    def is_busy(self, environment: Environment, since: float) -> None:
        """Call `time_out` once the function's timeout has passed since `since` (`machine`)."""
        ...

    def is_done(self, environment: Environment) -> None:
        """Don't call `time_out` any more."""
        ...

    def is_free(self, environment: Environment) -> None:
        """Take an environment that can handle an event: it has started, or has answered."""
        ...

    def has_room(self, environment: Environment) -> None:
        """Take a busy environment that has begun an event that was sent ahead."""
        ...

    def give_back(self, invocation: Invocation) -> None:
        """Take an event back that was given to an environment and never begun."""
        ...

    def has_failed(
        self, environment: Environment, error: Callable[[str], bytes], log_tail: bytes
    ) -> None:
        """Hear that the handler didn't load; `error` makes the error object for a request id."""
        ...

    def is_gone(self, environment: Environment) -> None:
        """Hear that the process has ended; whoever waited for it has been told before."""
        ...


class Environment:
    """One process of a function.

    Raises:
        OSError: The process could not be started.
    """

    __slots__ = (
        "_ahead",
        "_invocation",
        "_loop",
        "_output",
        "_owner",
        "_phase",
        "_process",
        "_timeout_seconds",
        "_timer",
        "_transport",
        "begun",
        "runs",
        "started",
        "took_us",
    )

    def __init__(self, blueprint: Blueprint, owner: Owner) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._timeout_seconds = blueprint.function.timeout_seconds
        self._phase = Phase.STARTING
        self._invocation: Invocation | None = None
        self._ahead: deque[Invocation] = deque()
        self.begun = 0.0
        """When it began its last event, on the machine's clock."""
        self.took_us: int | None = None
        """How many microseconds it says that the last event took, None if it doesn't."""
        self.runs = 0
        """How many events it was given."""
        self.started = clock.machine()
        """When it was spawned, on the machine's clock."""
        self._transport = blueprint.open_transport(self._answered, self._lost)
        try:
            self._process, self._output = self._spawn(blueprint)
        except BaseException:
            self._transport.close()
            raise
        self._loop.add_reader(self._output, self._printed)
        limit = max(blueprint.init_seconds, self._timeout_seconds)
        self._timer = self._loop.call_later(limit, self._start_too_slowly)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Return whether the handler is loaded and the process has not been given up."""
        return self._phase in {Phase.IDLE, Phase.BUSY, Phase.RESTING}

    @property
    def invocations(self) -> list[Invocation]:
        """Return the event that is being handled, if there is one, and those that are ahead."""
        return [*self._ahead] if self._invocation is None else [self._invocation, *self._ahead]

    @property
    def ahead(self) -> int:
        """Return how many events have been sent ahead."""
        return len(self._ahead)

    def run(self, invocation: Invocation) -> bool:
        """Send an event to an idle environment; False if the process is no longer there."""
        if not self._transport.send(invocation, self._deadline_ms()):
            self._phase = Phase.GONE
            return False
        self._begin(invocation)
        return True

    def run_next(self, invocation: Invocation) -> bool:
        """Send an event ahead to a busy environment; False if it can't take one."""
        if self._phase is not Phase.BUSY:
            return False
        if not self._transport.send_ahead(invocation, self._deadline_ms()):
            return False
        self._output.expect_marks()
        self._ahead.append(invocation)
        return True

    def take_back(self) -> list[Invocation]:
        """Take the events back that were sent ahead, in their order, but those that have begun."""
        returned, is_current_untaken = self._take_back()
        current = self._invocation
        if current is None or not is_current_untaken:
            return returned
        if self._ahead:
            # While it was taken out here, the process took the one behind it.
            self._owner.is_done(self)
            self._begin(self._ahead.popleft())
            return [current, *returned]
        # The process hasn't come to read it yet. It is the first again: all else is out.
        self._transport.send_ahead(current, self._deadline_ms())
        return returned

    def _take_back(self) -> tuple[list[Invocation], bool]:
        """Return the events that were still to be taken, and whether the current one was too.

        The process reads while this does. So what it has taken is not the first ones that were
        sent, and `_ahead` keeps just that, in its order.
        """
        untaken = self._transport.take_back()
        returned = [each for each in self._ahead if each.request_id in untaken]
        self._ahead = deque(each for each in self._ahead if each.request_id not in untaken)
        current = self._invocation
        return returned, current is not None and current.request_id in untaken

    def _deadline_ms(self) -> int:
        return clock.machine_ms() + self._timeout_seconds * 1000

    def _begin(self, invocation: Invocation) -> None:
        self._phase = Phase.BUSY
        self._invocation = invocation
        self.runs += 1
        self._output.begin(invocation.request_id)
        self.begun = clock.machine()
        self._owner.is_busy(self, self.begun)

    def time_out(self) -> bool:
        """End a process whose event takes longer than the function's timeout.

        False if it was answered at the last moment, or before.
        """
        invocation = self._invocation
        self._transport.read()
        if self._invocation is not invocation:
            return False
        text = f"Task timed out after {self._timeout_seconds:.2f} seconds"
        if self._phase is Phase.BUSY and self._invocation is not None:
            request_id = self._invocation.request_id
            self._output.feed(f"{request_id} {text}\n".encode())
            self._settle(faults.timed_out(request_id, text), UNHANDLED)
            self._end()
            return True
        if self._phase is Phase.RESTING:
            self._output.feed(f"{text}: answered, but did not ask for another event\n".encode())
            self._end()
        return False

    def discard(self, reason: str) -> None:
        """End the process now; a caller whose event it handles is refused with `reason`."""
        if self._invocation is not None:
            self._invocation.refuse(reason)
            self._invocation = None
        self._end()

    def _spawn(self, blueprint: Blueprint) -> tuple[Process, Output]:
        transport = self._transport
        reader, writer = os.pipe()
        stream = log_stream_name(clock.now_ms(), ids.new_request_id().replace("-", ""))
        own = {**transport.variables, "AWS_LAMBDA_LOG_STREAM_NAME": stream}
        try:
            process = Process(
                transport.command,
                folder=blueprint.function.code,
                variables={**blueprint.variables, **own},
                output=writer,
                keep=transport.keep,
                on_exit=self._exited,
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        transport.started(process.pid)
        output = Output(reader, blueprint.label, blueprint.write_line, token=transport.token)
        return process, output

    def _lost(self) -> None:
        self._process.kill()

    def _answered(self, kind: int, payload: bytes, took_us: int | None) -> None:
        if self._phase is Phase.BUSY and kind in {RESULT, ERROR}:
            self.took_us = took_us
            ended = self._end_invocation(payload, None if kind == RESULT else UNHANDLED)
            if self._transport.asks_for_events:
                self._phase = Phase.RESTING
            elif self._ahead:
                self._owner.is_done(self)
                self._begin(self._ahead.popleft())
                self._owner.has_room(self)
            else:
                # The next event first: its handler works while this caller is told.
                self._be_free()
            if ended is not None:
                ended[0].settle(ended[1])
        elif self._phase is Phase.STARTING and kind == READY:
            self._timer.cancel()
            self._be_free()
        elif self._phase is Phase.RESTING and kind == READY:
            self._be_free()
        elif self._phase is Phase.STARTING and kind == INIT_ERROR:
            self._fail(lambda _request_id: payload)
        else:
            # An answer to nothing: the handler has forked, and both processes answer.
            self._process.kill()

    def _be_free(self) -> None:
        self._phase = Phase.IDLE
        self._owner.is_done(self)
        self._owner.is_free(self)

    def _settle(self, payload: bytes, error: str | None) -> None:
        """Give the caller its result, the log being complete."""
        ended = self._end_invocation(payload, error)
        if ended is not None:
            ended[0].settle(ended[1])

    def _end_invocation(
        self, payload: bytes, error: str | None
    ) -> tuple[Invocation, InvokeResult] | None:
        """Return who is to be told what, the log being complete."""
        invocation, self._invocation = self._invocation, None
        if invocation is None:
            return None
        took_us = self.took_us
        waited_ms = (clock.machine() - self.begun) * 1000
        duration_ms = waited_ms if took_us is None or error is not None else took_us / 1000
        tail, is_cold = self._output.end(invocation.request_id), self.runs == 1
        return invocation, InvokeResult(
            payload, error, invocation.request_id, tail, duration_ms, is_cold
        )

    def _start_too_slowly(self) -> None:
        text = f"Task timed out after {self._timeout_seconds:.2f} seconds"
        self._output.feed(f"{text} in the init phase\n".encode())
        self._fail(lambda request_id: faults.timed_out(request_id, text))

    def _fail(self, error: Callable[[str], bytes]) -> None:
        """Say that the handler did not load."""
        tail = self._output.end()
        self._end()
        self._owner.has_failed(self, error, tail)

    def _end(self) -> None:
        """Be of no use any more; `_exited` follows."""
        self._phase = Phase.GONE
        self._timer.cancel()
        self._owner.is_done(self)
        self._return_untaken()
        self._process.kill()

    def _return_untaken(self) -> None:
        """Give back what the process, which is at its end, has not begun.

        That may be its current event, if it had ended before it was sent, which nobody knew yet.
        But a process that ends before it has ever worked fails its event.
        """
        returned, is_current_untaken = self._take_back()
        current = self._invocation
        if current is not None and is_current_untaken and self.runs > 1:
            returned.insert(0, current)
            # Whatever it took in its place has begun, and shares its end.
            self._invocation = self._ahead.popleft() if self._ahead else None
        for invocation in reversed(returned):
            self._owner.give_back(invocation)
        while self._ahead:
            # It had begun, so that its predecessor was answered: `read` came just before.
            self._ahead.popleft().refuse("its environment ended")

    def _printed(self) -> None:
        if not self._output.read():
            self._loop.remove_reader(self._output)

    def _exited(self, status: int) -> None:
        self._loop.remove_reader(self._output)
        self._transport.read()  # what it has answered before it ended
        phase, self._phase = self._phase, Phase.GONE
        self._timer.cancel()
        self._owner.is_done(self)
        self._return_untaken()
        self._transport.close()
        if phase is not Phase.GONE:
            self._output.read()
            self._output.feed(f"{faults.exit_text(status)}\nRuntime.ExitError\n".encode())
        if phase is Phase.STARTING:
            self._fail(lambda request_id: faults.exited(request_id, status))
        elif self._invocation is not None:
            self._settle(faults.exited(self._invocation.request_id, status), UNHANDLED)
        self._output.end()
        self._output.close()
        self._owner.is_gone(self)
