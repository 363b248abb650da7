"""A way to the store that breaks: it hands bytes on, and now and then ends a connection.

Of the requests that meet a cut, half never reach the store. The others are carried out, and only
the answer is lost: whoever asked can't know which it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from random import Random  # noqa: TID251 — seeded by the caller

_CHUNK = 1 << 16


class Way:
    """A port that leads to another one."""

    def __init__(self, chance: Random, cuts: float) -> None:
        """Take how likely a request meets a cut."""
        self.port = 0
        self.target = 0
        """Where it leads; may change, for connections to come."""
        self.is_faulty = False
        self.cuts = 0
        self._chance = chance
        self._rate = cuts
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()

    def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve a connection."""
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            behind, before = await asyncio.open_connection("127.0.0.1", self.target)
            both = [
                asyncio.create_task(self._pump(reader, before, can_break=True)),
                asyncio.create_task(self._pump(behind, writer, can_break=False)),
            ]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
                _abort(before)
        _abort(writer)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, can_break: bool
    ) -> None:
        while data := await source.read(_CHUNK):
            drawn = 1.0
            if can_break and self.is_faulty:
                drawn = self._chance.random()
            if drawn < self._rate:
                self.cuts += 1
            if drawn < self._rate / 2:
                return
            sink.write(data)
            await sink.drain()
            if drawn < self._rate:
                await asyncio.sleep(0)  # the store has it; what it answers meets a closed door
                return


def _abort(writer: asyncio.StreamWriter) -> None:
    cast("asyncio.Transport", writer.transport).abort()


@contextlib.asynccontextmanager
async def breaking_way(chance: Random, *, cuts: float) -> AsyncGenerator[Way]:
    """Open a way whose target is still to be said."""
    way = Way(chance, cuts)
    server = await asyncio.start_server(way.carry, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        way.close()
