"""Functions of the emulator in memory: answer what they are told to, and remember the events."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import orjson

from local_gateway.lambdas.result import InvocationRefused, InvokeResult

if TYPE_CHECKING:
    from collections.abc import Callable


class RecordingFunctions:
    """Functions whose answers are scripted per logical id.

    Each invocation takes the next answer of its function in `answers`, the last one again and
    again. An answer is a JSON value, an `InvokeResult`, an exception to raise, or a callable that
    gets the event.
    """

    def __init__(self, **answers: list[object]) -> None:
        self.answers = {name: deque(script) for name, script in answers.items()}
        self.events: dict[str, list[Any]] = defaultdict(list)
        """The events of each function, decoded."""
        self.request_ids: list[str | None] = []
        self.hold: asyncio.Event | None = None
        """While it is set to an event, invocations wait for that event."""
        self.running = 0
        self.most_running = 0
        self._invoked = asyncio.Condition()

    async def invoke(
        self, function: str, payload: bytes, *, request_id: str | None = None
    ) -> InvokeResult:
        """Record the event and give the next answer."""
        event = orjson.loads(payload)
        self.events[function].append(event)
        self.request_ids.append(request_id)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        async with self._invoked:
            self._invoked.notify_all()
        try:
            if self.hold is not None:
                await self.hold.wait()
            return self._answer(function, event)
        finally:
            self.running -= 1

    async def wait_for(self, function: str, count: int) -> list[Any]:
        """Wait until a function was invoked `count` times, and return its events."""
        async with self._invoked:
            await self._invoked.wait_for(lambda: len(self.events[function]) >= count)
        return self.events[function]

    async def wait_until(self, is_enough: Callable[[], bool]) -> None:
        """Wait until `is_enough`, which is asked at each invocation."""
        async with self._invoked:
            await self._invoked.wait_for(is_enough)

    def _answer(self, function: str, event: object) -> InvokeResult:
        script = self.answers.get(function, deque([None]))
        answer = script.popleft() if len(script) > 1 else script[0]
        if callable(answer):
            answer = answer(event)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, InvokeResult):
            return answer
        return succeeded(orjson.dumps(answer))


def succeeded(payload: bytes, *, log_tail: bytes = b"") -> InvokeResult:
    """Return the result of a function that returned `payload`."""
    return InvokeResult(
        payload=payload, function_error=None, request_id="request-1", log_tail=log_tail
    )


def failed(payload: bytes = b'{"errorMessage":"boom"}', *, log_tail: bytes = b"") -> InvokeResult:
    """Return the result of a function that raised."""
    return InvokeResult(
        payload=payload, function_error="Unhandled", request_id="request-1", log_tail=log_tail
    )


def refused(text: str = "no such function") -> InvocationRefused:
    """Return what is raised instead of a result."""
    return InvocationRefused(text)
