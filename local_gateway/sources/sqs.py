"""Event source mappings from a queue to a function, as Lambda's pollers behave.

The life of a message: it is received, and is then invisible for the queue's visibility timeout. If
the function succeeds, it is deleted; if not, it shows up again when that timeout is over, with a
higher ApproximateReceiveCount, until the queue's redrive policy moves it to the dead-letter queue.
That last step is the queue's own.

Lambda's pollers wait in long polls. Here the queue tells when something is sent, so the function
runs within milliseconds; every second a look at the queue finds what no word was heard of.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from local_gateway import clock
from local_gateway.lambdas.result import InvocationRefused
from local_gateway.services.errors import ServiceError
from local_gateway.sources.sqs_event import read_failures, write_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local_gateway.api import Queue, QueueMapping
    from local_gateway.integration import Functions
    from local_gateway.sources.sqs_event import Message

_logger = logging.getLogger(__name__)

_RECEIVE_COUNT = 10
"""The most that one ReceiveMessage returns."""
POLL_SECONDS = 1.0
"""How often to look at a queue that no word comes from."""
_HOLD_SECONDS = 0.1
"""How long a record is held back if none follows it."""
_FIRST_CONCURRENCY = 5
"""Batches at once when a backlog begins (Lambda developer guide, "Scaling")."""
_GROWTH_PER_SECOND = 5.0
"""300 more a minute while there is a backlog (same page)."""
_LAST_CONCURRENCY = 1_000
_DEFAULT_VISIBILITY_TIMEOUT = 30


class QueueClient(Protocol):
    """What a poller needs of SQS."""

    async def receive(self, queue_url: str, count: int) -> list[dict[str, Any]]:
        """Return up to `count` messages at once, an empty list if there are none."""
        ...

    async def delete(self, queue_url: str, receipt_handles: Sequence[str]) -> None:
        """Delete messages."""
        ...


class QueuePoller:
    """Runs one mapping."""

    def __init__(
        self,
        mapping: QueueMapping,
        queue: Queue,
        *,
        client: QueueClient,
        functions: Functions,
        region: str,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Take the mapping, its queue, and what to receive from and invoke.

        `poll_seconds` is how often to look at a queue that no word comes from.
        """
        self.mapping = mapping
        """What it runs."""
        self._queue = queue
        self._client = client
        self._functions = functions
        self._region = region
        self._poll_seconds = poll_seconds
        self.repeats: Callable[[], bool] | None = None
        """Decides whether a record that succeeded is handed over once more."""
        self.holds: Callable[[], bool] | None = None
        """Decides whether a record is handed over behind those that come next."""
        self._held: list[Message] = []
        self._late: list[Message] = []
        self._visibility_ms = visibility_timeout_seconds(queue) * 1000
        self._concurrency = Concurrency(mapping.maximum_concurrency)
        self._wake = asyncio.Event()
        self._rest: asyncio.Future[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._polling: asyncio.Task[None] | None = None
        self._is_waiting = False
        self._is_retired = False

    def start(self) -> None:
        """Start to poll."""
        self._polling = asyncio.create_task(self._poll(), name=f"mapping {self._queue.name}")

    @property
    def is_busy(self) -> bool:
        """Whether it polls, or handles a batch."""
        return self._is_polling or bool(self._running)

    @property
    def _is_polling(self) -> bool:
        return self._polling is not None and not self._polling.done()

    def retire(self) -> None:
        """Receive no more; what was received is handled to its end."""
        self._is_retired = True
        self._wake.set()

    async def stop(self, grace_seconds: float) -> None:
        """Receive no more; give batches that run some time to finish, then give them up.

        The messages of a batch that was given up are still in the queue.
        """
        if self._rest is not None:
            self._rest.cancel()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def expect(self, due_ms: int) -> None:
        """Look at the queue at `due_ms`, or now if that has passed: there is something then."""
        if due_ms <= clock.now_ms():
            self._wake.set()
        else:
            clock.call_at_ms(due_ms, self._wake.set)

    def running(self) -> set[asyncio.Future[None]]:
        """Return what works, or is about to: batches, and the look at a queue."""
        running: set[asyncio.Future[None]] = set(self._running)
        if self._is_polling and (not self._is_waiting or self._wake.is_set()):
            if self._rest is None:
                self._rest = asyncio.get_running_loop().create_future()
            running.add(self._rest)
        return running

    async def _poll(self) -> None:
        while not self._is_retired or self._late or self._held:
            if len(self._running) >= self._concurrency.limit:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                self._concurrency.grow(clock.machine())
                continue
            self._wake.clear()
            try:
                messages = self._late or await self._receive_batch()
            except ServiceError as error:
                _logger.warning("mapping of %s: %s", self._queue.name, error)
                await asyncio.sleep(self._poll_seconds)
                continue
            if self._late or self._held or self.holds is not None:
                messages = self._reorder(messages)
            if messages:
                self._process(messages)
            elif self._held:
                await asyncio.sleep(_HOLD_SECONDS)
            elif not self._late:
                if not self._running:
                    self._concurrency.reset()
                await self._wait(self._poll_seconds)
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        if self._rest is not None:
            self._rest.set_result(None)
            self._rest = None

    def _reorder(self, messages: list[Message]) -> list[Message]:
        """Hold some back, and return the others; those of the last time come behind them."""
        if self._late:
            self._late = []
            return messages
        self._late, self._held = self._held, []
        if self.holds is None or self._queue.name.endswith(".fifo"):
            return messages
        on_time: list[Message] = []
        for message in messages:
            (self._held if self.holds() else on_time).append(message)
        return on_time

    async def _receive_batch(self) -> list[Message]:
        """Receive a batch: what is there, or with a batching window what comes within it.

        A batch of more than ten takes several receives. On AWS it needs a window; here it may do
        without one, and is then made of what is there.
        """
        mapping = self.mapping
        messages: list[Message] = list(await self._receive(mapping.batch_size))
        if not messages or (not mapping.batching_window_seconds and len(messages) < _RECEIVE_COUNT):
            return messages
        closes_at = clock.monotonic() + mapping.batching_window_seconds
        closing = clock.call_at(closes_at, self._wake.set)
        while len(messages) < mapping.batch_size:
            self._wake.clear()
            more = await self._receive(mapping.batch_size - len(messages))
            messages.extend(more)
            if not more:
                if clock.monotonic() >= closes_at:
                    break
                await self._wait(self._poll_seconds)
        closing.cancel()
        return messages

    async def _receive(self, count: int) -> list[dict[str, Any]]:
        return await self._client.receive(self._queue.url, min(count, _RECEIVE_COUNT))

    async def _wait(self, seconds: float) -> None:
        """Wait until there is something to look for, but no longer than `seconds`."""
        self._is_waiting = True
        if not self._wake.is_set():
            self._come_to_rest()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._is_waiting = False

    def _process(self, messages: list[Message]) -> None:
        received_ms = clock.now_ms()
        for event, batch in write_events(messages, self._queue.arn, self._region):
            task = asyncio.create_task(self._run(event, batch, received_ms))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        # The next messages of a FIFO group can be received only now.
        self._wake.set()

    async def _run(self, event: bytes, batch: list[Message], received_ms: int) -> None:
        """Invoke the function with a batch, and delete what succeeded."""
        failed = await self._invoke(event, [message["MessageId"] for message in batch])
        done = [m["ReceiptHandle"] for m in batch if m["MessageId"] not in failed]
        if failed:
            self.expect(received_ms + self._visibility_ms)
        if self.repeats is not None:
            await self._repeat(
                [m for m in batch if m["MessageId"] not in failed and self.repeats()]
            )
        if done:
            try:
                await self._client.delete(self._queue.url, done)
            except ServiceError as error:
                _logger.warning("mapping of %s: %s", self._queue.name, error)

    async def _repeat(self, batch: list[Message]) -> None:
        """Hand records over once more, as a queue may; what comes of it changes nothing."""
        if batch:
            for event, again in write_events(batch, self._queue.arn, self._region):
                await self._invoke(event, [message["MessageId"] for message in again])

    async def _invoke(self, event: bytes, message_ids: list[str]) -> frozenset[str]:
        """Return which messages failed."""
        mapping = self.mapping
        everything = frozenset(message_ids)
        try:
            result = await self._functions.invoke(mapping.function, event)
        except InvocationRefused as error:
            _logger.warning("mapping of %s: %s", self._queue.name, error)
            return everything
        except Exception:
            _logger.exception("mapping of %s: invoking failed", self._queue.name)
            return everything
        if result.function_error is not None:
            failed = everything
        elif mapping.reports_batch_item_failures:
            failed = read_failures(result.payload, message_ids)
        else:
            failed = frozenset[str]()
        if failed:
            _logger.warning(
                "%s failed for %d of %d messages of %s; again in %d s",
                mapping.function,
                len(failed),
                len(message_ids),
                self._queue.name,
                self._visibility_ms // 1000,
            )
        return failed


class Concurrency:
    """How many batches of one mapping may run at once."""

    def __init__(self, maximum: int | None) -> None:
        """Take the mapping's MaximumConcurrency."""
        self._maximum = maximum or _LAST_CONCURRENCY
        self._allowed = float(_FIRST_CONCURRENCY)
        self._grown_at: float | None = None

    @property
    def limit(self) -> int:
        """Return the number."""
        return min(int(self._allowed), self._maximum)

    def grow(self, now: float) -> None:
        """Allow more, because the limit was reached at `now` seconds of a steady clock."""
        if self._grown_at is not None:
            earned = (now - self._grown_at) * _GROWTH_PER_SECOND
            self._allowed = min(_LAST_CONCURRENCY, self._allowed + earned)
        self._grown_at = now

    def reset(self) -> None:
        """Begin anew: the backlog is gone."""
        self._allowed = float(_FIRST_CONCURRENCY)
        self._grown_at = None


def visibility_timeout_seconds(queue: Queue) -> int:
    """Return how long a received message is invisible; SQS's default is 30 seconds."""
    return int(queue.attributes.get("VisibilityTimeout", _DEFAULT_VISIBILITY_TIMEOUT))
