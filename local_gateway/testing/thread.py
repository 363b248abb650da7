"""The thread whose event loop the gateways under test run on.

A loop of its own lets one gateway serve tests that each have another loop, tests that have none,
and tests whose blocking calls would stop the gateway if it shared theirs. All gateways of a process
share it, because they share the clock.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

__tracebackhide__ = True
"""pytest shows the line of the test that failed, and none of these."""

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a thread, from the first `acquire` to the last `release`."""

    _lock: ClassVar = threading.Lock()
    _shared: ClassVar[LoopThread | None] = None

    def __init__(self) -> None:
        """Start the thread; use `acquire` instead."""
        self._users = 0
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="local-gateway", daemon=True)
        self._thread.start()

    @classmethod
    def acquire(cls) -> LoopThread:
        """Return the one that runs, or a new one."""
        with cls._lock:
            thread = cls._shared
            if thread is None:
                thread = cls._shared = LoopThread()
            thread._users += 1
            return thread

    def release(self) -> None:
        """Need it no longer; the last one waits until the thread has ended."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            LoopThread._shared = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def ask(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and wait for it on the caller's, which must be asyncio's."""
        return await asyncio.wrap_future(self.submit(coroutine))

    def ask_blocking(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and block until it is done."""
        future = self.submit(coroutine)
        error = future.exception()  # `result` would add frames of its own
        if error is not None:
            raise error
        return future.result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
