"""Which line takes a post: the pool grows on demand, shrinks when idle, and retries once.

    submitted ──► an idle line, the youngest first
              └─► the queue ──► whichever line is answered next, or opens next

A line that is lost before a byte of the answer, after it had answered before, was closed by
the server between two requests. Its exchange goes out once more, on a line opened for it and
not on another idle one, which the same restart or thaw may have closed as well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from cloudpush.management.addresses import Addresses
from cloudpush.management.line import Line
from cloudpush.management.tls import TlsSession

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from cloudpush.management.answer import Answer
    from cloudpush.management.endpoint import Endpoint
    from cloudpush.management.line import Exchange

OPENINGS_AT_ONCE: Final = 16
"""How many lines are opened at a time.

A handshake costs as much CPU as some dozens of posts, and the lines that are there may empty
the queue before it is done. In steps of 16 a pool is at 128 after eight handshakes' time."""

IDLE_MS: Final = 20_000
"""After this long an idle line is closed, and not trusted if nobody was there to close it.

By the wall clock: an environment that was frozen finds its timers as it left them."""

OPENING_SECONDS: Final = 3.0
"""How long connecting and the TLS handshake may take, all addresses together."""

_REDIRECTS: Final = 300


class LinePool:
    """The lines to one endpoint, on one event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        size: int,
        ssl_context: ssl.SSLContext | None,
        write: Callable[[Exchange], bytes],
        now_ms: Callable[[], int],
    ) -> None:
        self._endpoint = endpoint
        self._size = size
        self._ssl_context = ssl_context
        self._write = write
        self._now_ms = now_ms
        self._addresses = Addresses(endpoint.host, endpoint.port)
        self.loop = asyncio.get_running_loop()
        self._lines: set[Line] = set()
        """Every line from `opened` to `lost`."""
        self._idle: list[Line] = []
        """Those without an exchange, the one that was used last at the end."""
        self._queue: deque[Exchange] = deque()
        self._retries: deque[Exchange] = deque()
        """Exchanges that only a line opened from now on may take."""
        self._openings: set[asyncio.Task[None]] = set()
        self._shrink_timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._emptied = asyncio.Event()

    def submit(self, exchanges: Iterable[Exchange]) -> None:
        """Start as many as there are idle lines; the others wait for one."""
        self._queue.extend(exchanges)
        self._serve()

    async def aclose(self) -> None:
        """Close every line, and return when each is closed; the pool is of no more use."""
        self._is_closed = True
        if self._shrink_timer is not None:
            self._shrink_timer.cancel()
        for task in self._openings:
            task.cancel()
        await asyncio.gather(*self._openings, return_exceptions=True)
        self._fail_waiting("the poster was closed")
        if self._lines:
            for line in self._lines:
                line.abort("the poster was closed")
            await self._emptied.wait()

    # What a line reports (`LineOwner`).

    def opened(self, line: Line) -> None:
        """Give a new line its first exchange."""
        self._lines.add(line)
        if self._is_closed:
            line.abort("the poster was closed")
            return
        self._go_on(line, _take(self._retries) or _take(self._queue))

    def answered(self, line: Line, answer: Answer) -> None:
        """Pass the answer on, and give the line its next exchange."""
        exchange, line.exchange = line.exchange, None
        if exchange is not None and not exchange.is_abandoned:
            self._finish(exchange, answer)
        # An answer that overtakes its request ends the line: the server will not read the rest.
        if answer.is_last or (answer.status >= _REDIRECTS and line.has_unsent()):
            line.abort("answered for the last time")
        elif line.is_open:
            self._go_on(line, _take(self._queue))

    def lost(self, line: Line) -> None:
        """Retry what may be retried, and open another line if it is needed."""
        self._lines.discard(line)
        if line in self._idle:
            self._idle.remove(line)
        exchange, line.exchange = line.exchange, None
        if exchange is not None and not exchange.is_abandoned:
            # Once only: the new line that a retry goes out on has not answered before.
            was_closed_before = line.has_answered and not line.has_heard
            if was_closed_before and not self._is_closed:
                self._retries.append(exchange)
            else:
                self._finish(exchange, line.fault)
        if not self._is_closed:
            self._serve()
        elif not self._lines:
            self._fail_waiting(line.fault)
            self._emptied.set()

    # How exchanges move.

    def _go_on(self, line: Line, exchange: Exchange | None) -> None:
        if exchange is not None:
            line.start(exchange, self._write(exchange))
            return
        line.idle_since_ms = self._now_ms()
        self._idle.append(line)
        if self._shrink_timer is None:
            self._shrink_timer = self.loop.call_later(IDLE_MS / 1000, self._shrink)

    def _take_idle(self, now_ms: int) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_open and 0 <= now_ms - line.idle_since_ms <= IDLE_MS:
                return line
            line.abort("idle for too long")
        return None

    def _finish(self, exchange: Exchange, answer: Answer | str) -> None:
        exchange.line = None
        exchange.owner.finish(exchange, answer)
        if exchange.follower is not None and not exchange.follower.is_abandoned:
            self._queue.append(exchange.follower)

    def _fail_waiting(self, fault: str) -> None:
        # A follower may take the place of what fails here; it fails in its turn.
        while (exchange := _take(self._retries) or _take(self._queue)) is not None:
            self._finish(exchange, fault)

    def _serve(self) -> None:
        """Start what waits on the idle lines, and open lines for the rest."""
        self._serve_idle()
        self._grow()

    def _serve_idle(self) -> None:
        now_ms = self._now_ms()
        while self._idle and (exchange := _take(self._queue)) is not None:
            line = self._take_idle(now_ms)
            if line is None:
                self._queue.appendleft(exchange)
                break
            line.start(exchange, self._write(exchange))

    # How the pool grows and shrinks.

    def _grow(self) -> None:
        wanted = min(len(self._queue) + len(self._retries), OPENINGS_AT_ONCE)
        while len(self._openings) < wanted and len(self._openings) + len(self._lines) < self._size:
            task = self.loop.create_task(self._open())
            self._openings.add(task)
            task.add_done_callback(self._end_opening)

    async def _open(self) -> None:
        """Open one line at the first address that answers.

        Raises:
            OSError: none does; TLS errors and time-outs are of this class as well.
        """
        fault: OSError | None = None
        async with asyncio.timeout(OPENING_SECONDS):
            for address in await self._addresses.get():
                try:
                    _, line = await self.loop.create_connection(
                        self._new_line, address, self._endpoint.port
                    )
                    await line.agree()
                except OSError as error:
                    self._addresses.forget()
                    fault = error
                else:
                    return
        raise fault or OSError("the host has no address")

    def _new_line(self) -> Line:
        if self._ssl_context is None:
            return Line(self)
        return Line(self, TlsSession(self._ssl_context, self._endpoint.host))

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        self._openings.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._grow()
            return
        if self._is_closed:
            return
        fault = f"cannot connect: {type(error).__name__}: {error}"
        # A retry waits for a new line and this was to be one. What else waits can still have
        # a line that is open, or about to be; without any, it has none to wait for.
        if (exchange := _take(self._retries)) is not None:
            self._finish(exchange, fault)
        if not self._openings and not self._lines:
            self._fail_waiting(fault)
        self._serve_idle()

    def _shrink(self) -> None:
        self._shrink_timer = None
        now_ms = self._now_ms()
        for line in self._idle:
            if now_ms - line.idle_since_ms >= IDLE_MS:
                line.abort("idle for too long")
        self._idle = [line for line in self._idle if line.is_open]
        if self._idle:
            self._shrink_timer = self.loop.call_later(IDLE_MS / 1000, self._shrink)


def _take(waiting: deque[Exchange]) -> Exchange | None:
    """Return the first that somebody still waits for, or None."""
    while waiting:
        exchange = waiting.popleft()
        if not exchange.is_abandoned:
            return exchange
    return None
