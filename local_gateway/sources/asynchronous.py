"""Invocations that nobody waits for, with Lambda's retries.

A failed attempt is repeated after one minute, and after two more minutes once again, under the same
request id (Lambda developer guide, "How Lambda handles errors and retries with asynchronous
invocation"). Then the event is dropped, with a line in the log. What waits for a retry is lost when
the emulator stops.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from local_gateway import clock, ids
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.integration import Functions

_logger = logging.getLogger(__name__)

RETRY_DELAYS_SECONDS = (60.0, 120.0)
"""Before the second and the third attempt; there is no fourth."""


class AsynchronousInvoker:
    """Runs functions in the background."""

    def __init__(self, functions: Functions) -> None:
        """Take what runs functions."""
        self._functions = functions
        self._attempts: set[asyncio.Task[None]] = set()
        self._retries: set[clock.Timer] = set()

    @property
    def running(self) -> frozenset[asyncio.Task[None]]:
        """Return the attempts that are being made."""
        return frozenset(self._attempts)

    def submit(self, function: str, payload: bytes, *, request_id: str | None = None) -> str:
        """Invoke the function with this logical id in the background, and return the request id."""
        request_id = request_id or ids.new_request_id()
        self._begin(function, payload, request_id, 0)
        return request_id

    async def stop(self) -> None:
        """Give up what runs and what waits."""
        for timer in self._retries:
            timer.cancel()
        self._retries.clear()
        tasks = tuple(self._attempts)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, function: str, payload: bytes, request_id: str, failures: int) -> None:
        task = asyncio.create_task(self._run(function, payload, request_id, failures))
        self._attempts.add(task)
        task.add_done_callback(self._attempts.discard)

    async def _run(self, function: str, payload: bytes, request_id: str, failures: int) -> None:
        problem = await self._attempt(function, payload, request_id)
        if problem is None:
            return
        if failures == len(RETRY_DELAYS_SECONDS):
            _logger.error("%s failed for the last time, event dropped: %s", function, problem)
            return
        delay = RETRY_DELAYS_SECONDS[failures]
        _logger.warning("%s failed, again in %d s: %s", function, delay, problem)
        again = partial(self._begin, function, payload, request_id, failures + 1)
        self._wait(delay, again)

    def _wait(self, seconds: float, again: Callable[[], None]) -> None:
        def retry() -> None:
            self._retries.discard(timer)
            again()

        timer = clock.call_at(clock.monotonic() + seconds, retry)
        self._retries.add(timer)

    async def _attempt(self, function: str, payload: bytes, request_id: str) -> str | None:
        """Return what went wrong, None if nothing did."""
        try:
            result = await self._functions.invoke(function, payload, request_id=request_id)
        except InvocationRefused as error:
            return str(error)
        return result.function_error
