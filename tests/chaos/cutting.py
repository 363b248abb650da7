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


class Way:
    """A port that leads to another one."""

    def __init__(self, chance: Random, cuts: float) -> None:
        """Take how likely a request meets a cut."""
        self.port = 0
        self.target = 0
        """Where it leads; may change, for connections to come."""
        self.is_faulty = False
        self.cuts = 0
        self.open: set[_Hither] = set()
        self._chance = chance
        self._rate = cuts

    def close(self) -> None:
        """End all connections."""
        for each in list(self.open):
            each.abort()

    def draw(self) -> float:
        """Return what becomes of a request: below 0.5 it is lost, below 1 its answer."""
        drawn = self._chance.random() / self._rate if self.is_faulty and self._rate else 1.0
        self.cuts += drawn < 1.0
        return drawn


class _End(asyncio.Protocol):
    """One end of a connection, which hands what it reads to the other end."""

    other: _End | None = None
    _transport: asyncio.Transport | None = None
    _is_over = False

    @property
    def is_open(self) -> bool:
        """Whether it takes what is handed to it."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_over:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.hand(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other._transport is not None:
            self.other._transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other._transport is not None:
            self.other._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.other is not None:
            self.other.end()

    def hand(self, data: bytes) -> None:
        """Send bytes, unless nobody is there to take them."""
        if self._transport is not None and self.is_open:
            self._transport.write(data)

    def end(self) -> None:
        """End it once it has sent all; also where it is only about to begin."""
        self._is_over = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it at once."""
        self._is_over = True
        if self._transport is not None:
            self._transport.abort()


class _Hither(_End):
    """The end of who asks."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._early: list[bytes] = []
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._way.open.add(self)
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        yonder = _End()
        self.other = yonder
        yonder.other = self
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: yonder, "127.0.0.1", self._way.target)
        except OSError:
            self.abort()
        early, self._early = self._early, []
        for data in early:
            self._ask(yonder, data)

    def data_received(self, data: bytes) -> None:
        if self.other is None or not self.other.is_open:
            self._early.append(data)
        else:
            self._ask(self.other, data)

    def _ask(self, yonder: _End, data: bytes) -> None:
        drawn = self._way.draw()
        if drawn >= 0.5:
            yonder.hand(data)
        if drawn < 1.0:
            yonder.end()  # the store has it; what it answers meets a closed door
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._way.open.discard(self)
        super().connection_lost(exc)


@contextlib.asynccontextmanager
async def breaking_way(chance: Random, *, cuts: float) -> AsyncGenerator[Way]:
    """Open a way whose target is still to be said."""
    way = Way(chance, cuts)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Hither(way), "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        way.close()
