"""Functions that are Python callables: what runs behind the WebSocket front in its tests."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from local_gateway.lambdas.result import InvocationRefused, InvokeResult

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]


class Raw(bytes):
    """A result that is not JSON, or not to be encoded."""

    __slots__ = ()


def accept(event: Event) -> object:
    """Answer as most handlers do."""
    del event
    return {"statusCode": 200}


class RecordingFunctions:
    """Invokes a callable per function, and records its events.

    A callable gets the decoded event and returns what is encoded as the result, or a coroutine of
    it. What it raises is a function error. A function without a callable is not invocable.
    """

    def __init__(self, **handlers: Callable[[Event], Any]) -> None:
        """Take the callables by the names of the functions."""
        self.handlers = handlers
        self.payloads: dict[str, list[bytes]] = defaultdict(list)
        self._queues: dict[str, asyncio.Queue[Event]] = defaultdict(asyncio.Queue)
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """End what still runs."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def next_event(self, function: str) -> Event:
        """Wait for the next event that a function was invoked with."""
        return await self._queues[function].get()

    def events(self, function: str) -> list[Event]:
        """Return all events that a function was invoked with so far."""
        return [orjson.loads(payload) for payload in self.payloads[function]]

    def submit(
        self,
        function: str,
        payload: bytes,
        settle: Callable[[InvokeResult | InvocationRefused], None],
        *,
        request_id: str | None = None,
    ) -> None:
        """Invoke a function, and tell `settle`."""

        async def run() -> None:
            try:
                settle(await self.invoke(function, payload, request_id=request_id))
            except InvocationRefused as refusal:
                settle(refusal)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def invoke(
        self, function: str, payload: bytes, *, request_id: str | None = None
    ) -> InvokeResult:
        """Invoke a function."""
        del request_id
        handler = self.handlers.get(function)
        if handler is None:
            raise InvocationRefused(f"no function {function}")
        event: Event = orjson.loads(payload)
        self.payloads[function].append(payload)
        self._queues[function].put_nowait(event)
        try:
            result = handler(event)
            if inspect.isawaitable(result):
                result = await result
        except Exception as error:  # noqa: BLE001 — as Lambda does
            message = orjson.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            return InvokeResult(message, "Unhandled", "request")
        encoded = bytes(result) if isinstance(result, Raw) else orjson.dumps(result)
        return InvokeResult(encoded, None, "request")
