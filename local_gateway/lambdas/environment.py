"""One execution environment: a process that handles one event at a time, and what can go wrong.

    phase      what happens                phase     who hears of it
    starting   READY                       idle      owner.is_free
    starting   INIT_ERROR, exit, too slow  gone      owner.has_failed, with Lambda's error object
    idle       run                         busy
    busy       RESULT, ERROR               idle      the caller; owner.is_free
    busy       timeout, exit               gone      the caller: Sandbox.Timedout, Runtime.ExitError
    any        discard                     gone      the caller, if any: refused
    gone       the process has ended                 owner.is_gone, the last call of all

A caller that gives up cancels its future and nothing else: the event is handled to its end, and the
environment is free after that, as on Lambda.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from local_gateway import clock, ids
from local_gateway.lambdas import bootstrap, faults
from local_gateway.lambdas.bootstrap import ERROR, EVENT, INIT_ERROR, READY, RESULT
from local_gateway.lambdas.channel import Channel
from local_gateway.lambdas.output import Output
from local_gateway.lambdas.process import Process
from local_gateway.lambdas.result import InvocationRefused, InvokeResult
from local_gateway.lambdas.variables import log_stream_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import Function

_log = logging.getLogger(__name__)

UNHANDLED: Final = "Unhandled"
INIT_SECONDS: Final = 10.0
"""How long a handler may load (Lambda developer guide, "Lambda execution environment lifecycle":
what takes longer starts over within the first invocation, under the function's timeout)."""


class Phase(Enum):
    """Where an environment is in its life; the table is in the module's docstring."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What all environments of one function have in common."""

    function: Function
    variables: Mapping[str, str]
    """Of the process, without the name of the log stream, which is each environment's own."""
    folders: tuple[str, ...]
    """What precedes the interpreter's own `sys.path`."""
    lifeline: int
    """The reading end of a pipe whose end of file ends the process; it stays the caller's."""
    label: str
    """What precedes each line of the log."""
    write_line: Callable[[str], None]
    init_seconds: float
    """How long the handler may load, if that is longer than the function's timeout."""

    def command(self, fd: int) -> list[str]:
        """Return the command line of a process whose socket is `fd`."""
        # -P: the folder of the script, this package, is no place to import from.
        python = [sys.executable, "-P", "-X", "utf8", str(Path(bootstrap.__file__))]
        return [*python, str(fd), str(self.lifeline), self.function.arn, *self.folders]


class Invocation:
    """One event on its way to a result."""

    __slots__ = ("_settle", "client_context", "payload", "request_id", "trace_id", "waits_since")

    def __init__(
        self,
        request_id: str,
        trace_id: str,
        payload: bytes,
        client_context: bytes,
        settle: Callable[[InvokeResult | InvocationRefused], None],
    ) -> None:
        """Take the event; `client_context` is JSON, or empty; `settle` gets the result, once."""
        self.request_id = request_id
        self.trace_id = trace_id
        self.payload = payload
        self.client_context = client_context
        self.waits_since = 0.0
        """When it began to wait for an environment, on the machine's clock."""
        self._settle: Callable[[InvokeResult | InvocationRefused], None] | None = settle

    @property
    def is_settled(self) -> bool:
        """Return whether the caller has been told, or has given up."""
        return self._settle is None

    def watch(self, hear: Callable[[InvokeResult | InvocationRefused], None]) -> None:
        """Tell somebody else what the caller is told, after the caller."""
        settle = self._settle
        if settle is not None:

            def tell_both(result: InvokeResult | InvocationRefused) -> None:
                settle(result)
                hear(result)

            self._settle = tell_both

    def abandon(self) -> None:
        """Learn that the caller waits no longer."""
        self._settle = None

    def settle(self, result: InvokeResult | InvocationRefused) -> None:
        """Give the caller the result, if it still waits."""
        settle, self._settle = self._settle, None
        if settle is not None:
            try:
                settle(result)
            except Exception:  # noqa: BLE001 — the boundary between the environment and a caller
                # Whose fault it is doesn't matter to the environment, which goes on.
                _log.exception("a caller failed over the result of %s", self.request_id)

    def fail(self, error: bytes, log_tail: bytes) -> None:
        """Give the caller an error object for an event that reached no handler."""
        self.settle(InvokeResult(error, UNHANDLED, self.request_id, log_tail, is_cold=True))

    def refuse(self, reason: str) -> None:
        """Tell the caller that there will be no result."""
        self.settle(InvocationRefused(reason))


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
        "_begun",
        "_channel",
        "_invocation",
        "_loop",
        "_output",
        "_owner",
        "_phase",
        "_process",
        "_timeout_seconds",
        "_timer",
        "runs",
        "started",
    )

    def __init__(self, blueprint: Blueprint, owner: Owner) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._timeout_seconds = blueprint.function.timeout_seconds
        self._phase = Phase.STARTING
        self._invocation: Invocation | None = None
        self._begun = 0.0
        self.runs = 0
        """How many events it was given."""
        self.started = clock.machine()
        """When it was spawned, on the machine's clock."""
        sock, self._process, self._output = self._spawn(blueprint)
        self._channel = Channel(sock, on_answer=self._answered, on_lost=self._process.kill)
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
        return self._phase in {Phase.IDLE, Phase.BUSY}

    @property
    def invocation(self) -> Invocation | None:
        """Return the event that is being handled, None if there is none."""
        return self._invocation

    def run(self, invocation: Invocation) -> bool:
        """Send an event to an idle environment; False if the process is no longer there."""
        payload, context = invocation.payload, invocation.client_context
        request_id, trace_id = invocation.request_id.encode(), invocation.trace_id.encode()
        deadline = clock.machine_ms() + self._timeout_seconds * 1000
        head = EVENT.pack(len(payload), deadline, len(request_id), len(trace_id), len(context))
        if not self._channel.send(b"".join((head, request_id, trace_id, context, payload))):
            self._phase = Phase.GONE
            return False
        self._phase = Phase.BUSY
        self._invocation = invocation
        self.runs += 1
        self._output.begin(invocation.request_id)
        self._begun = clock.machine()
        self._owner.is_busy(self, self._begun)
        return True

    def time_out(self) -> None:
        """End a process whose event takes longer than the function's timeout."""
        text = f"Task timed out after {self._timeout_seconds:.2f} seconds"
        if self._phase is Phase.BUSY and self._invocation is not None:
            request_id = self._invocation.request_id
            self._output.feed(f"{request_id} {text}\n".encode())
            self._settle(faults.timed_out(request_id, text), UNHANDLED)
            self._end()

    def discard(self, reason: str) -> None:
        """End the process now; a caller whose event it handles is refused with `reason`."""
        if self._invocation is not None:
            self._owner.is_done(self)
            self._invocation.refuse(reason)
            self._invocation = None
        self._end()

    def _spawn(self, blueprint: Blueprint) -> tuple[socket.socket, Process, Output]:
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        stream = log_stream_name(clock.now_ms(), ids.new_request_id().replace("-", ""))
        try:
            process = Process(
                blueprint.command(theirs.fileno()),
                folder=blueprint.function.code,
                variables={**blueprint.variables, "AWS_LAMBDA_LOG_STREAM_NAME": stream},
                output=writer,
                keep=(theirs.fileno(), blueprint.lifeline),
                on_exit=self._exited,
            )
        except BaseException:
            ours.close()
            os.close(reader)
            raise
        finally:
            theirs.close()
            os.close(writer)
        return ours, process, Output(reader, blueprint.label, blueprint.write_line)

    def _answered(self, kind: int, payload: bytes) -> None:
        if self._phase is Phase.BUSY and kind in {RESULT, ERROR}:
            self._phase = Phase.IDLE
            # The next event first: its handler works while this caller is told.
            ended = self._end_invocation(payload, None if kind == RESULT else UNHANDLED)
            self._owner.is_free(self)
            if ended is not None:
                ended[0].settle(ended[1])
        elif self._phase is Phase.STARTING and kind == READY:
            self._timer.cancel()
            self._phase = Phase.IDLE
            self._owner.is_free(self)
        elif self._phase is Phase.STARTING and kind == INIT_ERROR:
            self._fail(lambda _request_id: payload)
        else:
            # An answer to nothing: the handler has forked, and both processes answer.
            self._process.kill()

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
        self._owner.is_done(self)
        duration_ms = (clock.machine() - self._begun) * 1000
        tail, is_cold = self._output.end(), self.runs == 1
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
        self._process.kill()

    def _printed(self) -> None:
        if not self._output.read():
            self._loop.remove_reader(self._output)

    def _exited(self, status: int) -> None:
        self._loop.remove_reader(self._output)
        self._channel.close()
        phase, self._phase = self._phase, Phase.GONE
        self._timer.cancel()
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
