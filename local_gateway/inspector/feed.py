"""`/_gateway/rows` and `/_gateway/feed`: the journal for those who watch.

However busy the gateway is, a watcher costs it the same: each tick takes the newest entries behind
those that the watcher has, `ROWS_PER_TICK` at most, and says how many it left out. Ticks are rare
while so many come that it must. Nothing waits for a watcher that reads slowly; it misses more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson

from local_gateway.inspector.rows import is_open, write_row
from local_gateway.own import Refusal, Resource, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from local_gateway.inspector.journal import Journal

TICK_SECONDS: Final = 0.1
"""How often a watcher gets what is new. Ours."""

BUSY_TICK_SECONDS: Final = 2.0
"""How often while more comes than it gets. Nobody reads so fast, and a page that shows it takes
the processor from what it shows. Ours."""

ROWS_PER_TICK: Final = 100
"""How many rows a watcher gets at once at most. Ours."""

LISTED: Final = 1_000
"""How many rows `/_gateway/rows` lists at most. Ours."""

_QUIET_TICKS: Final = 100
"""After so many ticks without news a comment is sent, which finds out whether anybody listens."""


def next_tick(came: int, tick: float) -> float:
    """Return how many seconds the next tick takes, when so many rows came in one of `tick`."""
    is_busy = came * TICK_SECONDS > ROWS_PER_TICK * tick
    return BUSY_TICK_SECONDS if is_busy else TICK_SECONDS


class Feed:
    """The journal as resources of `/_gateway`."""

    def __init__(self, journal: Journal) -> None:
        """Take the journal."""
        self._journal = journal
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End every stream."""
        self._stopped.set()

    def resources(self) -> list[Resource]:
        """Return what serves it.

        `GET /rows` lists the last rows, `DELETE /rows` forgets them, `GET /rows/{id}` has all of
        one. `GET /feed` is a stream of server-sent events (HTML standard, 9.2), each
        `{"rows": […], "changed": […], "missed": n}`: what is new, what is known by now of events
        that were still being handled, and how many new rows were left out.
        """
        return [
            Resource("/rows", GET=self._list, DELETE=self._clear),
            Resource("/rows/{}", GET=self._get),
            Resource("/feed", GET=self._follow),
        ]

    async def _list(self, _body: object, _path: Sequence[str]) -> object:
        return {"rows": [write_row(each) for each in self._journal.after(0, LISTED)]}

    async def _clear(self, _body: object, _path: Sequence[str]) -> object:
        self._journal.clear()
        return {"rows": []}

    async def _get(self, _body: object, path: Sequence[str]) -> object:
        number = int(path[0]) if path[0].isascii() and path[0].isdecimal() else 0
        entry = self._journal.find(number)
        if entry is None:
            kept = [self._journal.last_id - len(self._journal) + 1, self._journal.last_id]
            raise Refusal(f"there is no row {path[0]}", status=404, allowed=kept)
        return write_row(entry, cut=None)

    async def _follow(self, _body: object, _path: Sequence[str]) -> object:
        return Stream(self._watch(), "text/event-stream")

    async def _watch(self) -> AsyncGenerator[bytes]:
        journal = self._journal
        seen, quiet, tick = journal.last_id - min(len(journal), ROWS_PER_TICK), 0, TICK_SECONDS
        opened: set[int] = set()
        while not self._stopped.is_set():
            entries = journal.after(seen, ROWS_PER_TICK)
            missed = entries[0][0] - seen - 1 if entries else 0
            changed = [
                entry
                for each in sorted(opened)
                if (entry := journal.find(each)) is not None and not is_open(entry)
            ]
            opened -= {entry[0] for entry in changed}
            opened |= {entry[0] for entry in entries if is_open(entry)}
            opened = {each for each in opened if journal.find(each) is not None}
            if entries or changed:
                seen, quiet = journal.last_id, 0
                news = {
                    "rows": [write_row(each) for each in entries],
                    "changed": [write_row(each) for each in changed],
                    "missed": missed,
                }
                yield b"data: " + orjson.dumps(news) + b"\n\n"
            else:
                quiet += 1
                if quiet % _QUIET_TICKS == 1:
                    yield b": nothing new\n\n"
            try:
                tick = next_tick(missed + len(entries), tick)
                await asyncio.wait_for(self._stopped.wait(), tick)
            except TimeoutError:
                continue
