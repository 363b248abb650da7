"""Every function of a template, invoked by logical id.

functions = Functions(application, environment={…}, write_log=print)
await functions.start()
result = await functions.invoke("Message", b'{"body": "hello"}')
await functions.stop()
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from local_gateway import clock, ids
from local_gateway import why as reasons
from local_gateway.inspector.journal import Journal
from local_gateway.lambdas.hosting import Hosting
from local_gateway.lambdas.invocation import Invocation
from local_gateway.lambdas.result import InvocationRefused, InvokeResult
from local_gateway.lambdas.runtimes import interpreter_notes, missing
from local_gateway.why import Why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local_gateway.api import Application
    from local_gateway.lambdas.hosting import AnyPool, HostMode
    from local_gateway.lambdas.interpreters import Interpreters

Submit: TypeAlias = "Callable[[Invocation], None]"
"""Sees to it that an event is handled."""
Layer: TypeAlias = "Callable[[str, Submit, Invocation], None]"
"""Takes a function's logical id, what is behind this layer, and an event to pass on, or not."""

_log = logging.getLogger(__name__)

STOP_SECONDS: Final = 2.0
"""How long `stop` waits for processes that were killed."""

_PREWARM_AT_ONCE: Final = 2
_UNSAMPLED: Final = ";Parent=0000000000000000;Sampled=0"
"""Nothing receives traces here, so that X-Ray's SDK sends none."""


class Functions:
    """Runs the functions of an application, each event in a process of its function.

    `await start()`, then `invoke` as often as wanted and at once, then `await stop()`. All of it on
    one event loop.
    """

    def __init__(  # noqa: PLR0913 — the options of the command line
        self,
        application: Application,
        *,
        environment: Mapping[str, str],
        max_concurrency: int = 16,
        interpreters: Interpreters | None = None,
        host_mode: HostMode = "environments",
        debug_ports: Mapping[str, int] = MappingProxyType({}),
        write_log: Callable[[str], None],
        why: Why | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Take the application; nothing runs yet.

        `environment` are variables that every function gets beside Lambda's and its own, read
        by `start`, when the servers that they name are up;
        `max_concurrency` limits the processes of a function that reserves no concurrency;
        `interpreters` are what functions run on, the emulator's own Python alone if None;
        `host_mode` says where Python functions run: in processes, or in threads of this one;
        `debug_ports` is where debuggers attach to functions, by logical id;
        `write_log` gets each line of a function's output, its name and request id in front;
        `why` is told wherever Lambda would surprise;
        `journal` is told of each event.
        """
        self.application = application
        """What is served; `reload` replaces it."""
        self._why = why or Why()
        self._journal = Journal() if journal is None else journal
        self._hosting = Hosting(
            host_mode,
            identity=application.identity,
            environment=environment,  # complete by `start`: ports are known late
            interpreters=interpreters,
            max_concurrency=max_concurrency,
            debug_ports=debug_ports,
            write_log=write_log,
            why=self._why,
        )
        self._pools: dict[str, AnyPool] = {}
        self._retired: list[AnyPool] = []
        self._layers: list[Layer] = []
        self._submits: dict[str, Submit] = {}
        self._ends: dict[Invocation, asyncio.Future[None]] = {}

    @property
    def process_ids(self) -> list[int]:
        """Return the processes of all environments that have not ended."""
        pools = (*self._pools.values(), *self._retired)
        return [pid for pool in pools for pid in pool.process_ids]

    @property
    def interpreters(self) -> Interpreters:
        """Return what they run on."""
        return self._hosting.interpreters

    async def start(self, *, redirect: str = "") -> None:
        """Get ready to invoke; processes start with the first event, or with `prewarm`.

        `redirect` is what the hooks into the AWS SDKs get (`redirect.Redirect`); without it there
        are no hooks.
        """
        self._hosting.open(redirect)
        interpreters = self._hosting.interpreters
        self._replace(self.application.functions)
        for place, problem in interpreter_notes(self.application, interpreters):
            self._why.say(reasons.INTERPRETER_DIFFERS, place, problem=problem)

    async def prewarm(self) -> dict[str, str]:
        """Start one environment of each function, two at a time, and wait until they are there.

        Returns:
            What went wrong, by logical id: the handler's init error, `errorType: errorMessage`.
            The log has its traceback.
        """
        pools = self._pools  # `stop` may take them away meanwhile
        gate = asyncio.Semaphore(_PREWARM_AT_ONCE)

        async def prewarm(pool: AnyPool) -> str | None:
            async with gate:
                return await pool.prewarm()

        problems = await asyncio.gather(*map(prewarm, pools.values()))
        return {
            logical_id: problem
            for logical_id, problem in zip(pools, problems, strict=True)
            if problem is not None
        }

    async def invoke(
        self,
        function: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        client_context: str | None = None,
    ) -> InvokeResult:
        """Run the function with this logical id on a JSON event, and wait for its result.

        Cancelling gives up the result, not the event: a handler that has begun goes on.
        `client_context` is a JSON object, as the mobile SDKs send it.

        Raises:
            InvocationRefused: It is unknown, its runtime is not supported, its process can't be
                started, or the emulator is stopping.
        """
        result: asyncio.Future[InvokeResult] = asyncio.get_running_loop().create_future()

        def settle(settled: InvokeResult | InvocationRefused) -> None:
            if isinstance(settled, InvocationRefused):
                result.set_exception(settled)
            else:
                result.set_result(settled)

        invocation = self._begin(function, payload, settle, request_id, client_context)
        try:
            return await result
        except asyncio.CancelledError:
            invocation.abandon()
            pool = self._pools.get(function)
            if pool is not None:
                pool.withdraw(invocation)
            raise

    def submit(
        self,
        function: str,
        payload: bytes,
        settle: Callable[[InvokeResult | InvocationRefused], None],
        *,
        request_id: str | None = None,
    ) -> None:
        """Run the function with this logical id on a JSON event, and call `settle` once.

        What `invoke` does without a task and a future for it; the call may come before this
        returns, with an `InvocationRefused` in place of a result.
        """
        self._begin(function, payload, settle, request_id, None)

    def _begin(
        self,
        function: str,
        payload: bytes,
        settle: Callable[[InvokeResult | InvocationRefused], None],
        request_id: str | None,
        client_context: str | None,
    ) -> Invocation:
        now_ms = clock.now_ms()
        invocation = Invocation(
            request_id or ids.new_request_id(),
            ids.new_trace_id(now_ms) + _UNSAMPLED,
            payload or b"{}",
            client_context.encode() if client_context else b"",
            settle,
        )
        self._journal.invoked(now_ms, function, invocation)
        submit = self._submits.get(function)
        if submit is None:
            invocation.settle(self._refusal(function))
        else:
            submit(invocation)
        return invocation

    def interpose(self, layer: Layer) -> Callable[[], None]:
        """Let `layer` handle every event before its pool does; return what takes it away again.

        Without a layer an event goes to its pool directly.
        """
        self._layers.append(layer)
        self._stack()

        def remove() -> None:
            self._layers.remove(layer)
            self._stack()

        return remove

    def running(self) -> set[asyncio.Future[None]]:
        """Return what is done when each of the events has been handled that somebody waits for."""
        loop = asyncio.get_running_loop()
        for pool in self._pools.values():
            for invocation in pool.in_flight():
                if invocation not in self._ends:
                    self._ends[invocation] = loop.create_future()
                    invocation.watch(partial(self._ended, invocation))
        return set(self._ends.values())

    def recycle(self, function: str) -> None:
        """Drop the environments of a function once they are idle; its next event gets a new one."""
        pool = self._pools.get(function)
        if pool is not None:
            pool.recycle()

    def refresh(self, function: str) -> None:
        """Let a function's next event find what has changed on disk."""
        # Several layers are one folder of links, which new files need to be in.
        if len(self.application.functions[function].layers) > 1:
            self._replace([function])
        else:
            self.recycle(function)

    def reload(self, application: Application, changed: Iterable[str], *, redirect: str) -> None:
        """Run the functions of a changed template from now on.

        Args:
            application: The template.
            changed: The functions that are new, gone or changed; the others go on as they are.
            redirect: As for `start`.
        """
        self.application = application
        self._hosting.change(redirect, self._hosting.interpreters)
        self._replace(changed)

    def _replace(self, functions: Iterable[str]) -> None:
        """Make new pools; those before them go on until their events are handled."""
        self._retired = [pool for pool in self._retired if not pool.is_empty]
        declared = self.application.functions
        width = max(map(len, declared), default=0)
        for name in functions:
            before = self._pools.pop(name, None)
            function = declared.get(name)
            if function is not None and missing(function, self._hosting.interpreters) is None:
                self._pools[name] = self._hosting.pool(function, width=width)
            if before is not None:
                before.retire(partial(self._hand_over, name))
                self._retired.append(before)
        self._stack()

    def _hand_over(self, function: str, invocation: Invocation) -> None:
        pool = self._pools.get(function)
        if pool is None:
            invocation.settle(self._refusal(function))
        else:
            pool.submit(invocation)

    async def stop(self) -> None:
        """Kill every process and refuse every caller that waits; may be called twice."""
        pools = [*self._pools.values(), *self._retired]
        self._pools, self._retired = {}, []
        self._stack()
        for pool in pools:
            pool.stop()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                for pool in pools:
                    await pool.wait_stopped()
        except TimeoutError:
            _log.warning("processes that were killed are still there")
        finally:
            self._hosting.close()

    def _stack(self) -> None:
        """Put the layers before the pools, the last one foremost."""
        submits: dict[str, Submit] = {name: pool.submit for name, pool in self._pools.items()}
        for layer in self._layers:
            submits = {name: partial(layer, name, submit) for name, submit in submits.items()}
        self._submits = submits

    def _ended(self, invocation: Invocation, result: object) -> None:
        del result
        end = self._ends.pop(invocation)
        if not end.done():
            end.set_result(None)

    def _refusal(self, logical_id: str) -> InvocationRefused:
        function = self.application.functions.get(logical_id)
        if function is None:
            return InvocationRefused(f"the template has no function {logical_id}")
        problem = missing(function, self._hosting.interpreters)
        if problem is not None:
            return InvocationRefused(f"{logical_id} {problem}")
        return InvocationRefused(f"{logical_id} can't run: the emulator is not running")
