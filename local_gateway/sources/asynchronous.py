"""Invocations that nobody waits for, with Lambda's retries.

A failed attempt is repeated after one minute, and after two more minutes once again, under the same
request id (Lambda developer guide, "How Lambda handles errors and retries with asynchronous
invocation"). Then the event is dropped, with a line in the log. What waits for a retry is lost when
the emulator stops.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from local_gateway import ids
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local_gateway.integration import Functions

_logger = logging.getLogger(__name__)

RETRY_DELAYS_SECONDS = (60.0, 120.0)
"""Before the second and the third attempt; there is no fourth."""


class AsynchronousInvoker:
    """Runs functions in the background."""

    def __init__(
        self, functions: Functions, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Take what runs functions, and how time passes between attempts."""
        self._functions = functions
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, function: str, payload: bytes, *, request_id: str | None = None) -> str:
        """Invoke the function with this logical id in the background, and return the request id."""
        request_id = request_id or ids.new_request_id()
        task = asyncio.create_task(self._run(function, payload, request_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return request_id

    async def join(self) -> None:
        """Wait until nothing runs and no retry is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Give up what runs and what waits."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, function: str, payload: bytes, request_id: str) -> None:
        for delay in (*RETRY_DELAYS_SECONDS, None):
            problem = await self._attempt(function, payload, request_id)
            if problem is None:
                return
            if delay is None:
                _logger.error("%s failed for the last time, event dropped: %s", function, problem)
                return
            _logger.warning("%s failed, again in %d s: %s", function, delay, problem)
            await self._sleep(delay)

    async def _attempt(self, function: str, payload: bytes, request_id: str) -> str | None:
        """Return what went wrong, None if nothing did."""
        try:
            result = await self._functions.invoke(function, payload, request_id=request_id)
        except InvocationRefused as error:
            return str(error)
        return result.function_error
