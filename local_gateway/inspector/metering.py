"""`/_gateway/cost`: what AWS would meter of what has happened here, and what it would cost.

    messages    each way, in units of 32 KB begun: a client's, answers, error frames, posts
    connection  minutes that connections are open
    requests    events of functions
    GB-seconds  a function's memory times the milliseconds begun, of this machine

Where the time of a function is no guess at AWS's, the sum isn't one either: it tells where the cost
of an application lies. There is no free tier in it, no data transfer, no tables, no queues.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

from local_gateway import clock
from local_gateway.inspector.journal import Kind
from local_gateway.lambdas.result import InvokeResult
from local_gateway.own import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local_gateway.api import Application
    from local_gateway.inspector.journal import Entry, Journal
    from local_gateway.lambdas.invocation import Invocation

PRICES: Final = {
    "perMillionMessages": 1.00,
    "perMillionConnectionMinutes": 0.25,
    "perMillionRequests": 0.20,
    "perGbSecond": 0.0000166667,
}
"""US dollars, of the first tier, in `_REGION`; x86."""

_REGION: Final = "us-east-1"
_AS_OF: Final = "2026-06"
_SOURCES: Final = ("aws.amazon.com/api-gateway/pricing", "aws.amazon.com/lambda/pricing")

_MILLION: Final = 1_000_000
_MS_PER_MINUTE: Final = 60_000


class Meter:
    """Adds up what a journal was told, also of entries that it has let go of."""

    def __init__(self, journal: Journal, application: Callable[[], Application]) -> None:
        """Take the journal, whose entries are billed when they leave it at the latest."""
        self._journal = journal
        self._application = application
        self._gb_seconds = 0.0
        journal.let_go = self._bill

    def resource(self) -> Resource:
        """Return what serves it: GET has what was metered, the prices, and US dollars."""
        return Resource("/cost", GET=self._get)

    async def _get(self, _body: object, _path: Sequence[str]) -> object:
        journal = self._journal
        minutes = journal.connected_ms(clock.now_ms()) / _MS_PER_MINUTE
        gb_seconds = self._gb_seconds + sum(map(self._cost_of, journal.after(0, len(journal))))
        dollars = {
            "messages": journal.units * PRICES["perMillionMessages"] / _MILLION,
            "connections": minutes * PRICES["perMillionConnectionMinutes"] / _MILLION,
            "requests": journal.events * PRICES["perMillionRequests"] / _MILLION,
            "duration": gb_seconds * PRICES["perGbSecond"],
        }
        return {
            "messages": journal.units,
            "connectionMinutes": round(minutes, 3),
            "requests": journal.events,
            "gbSeconds": round(gb_seconds, 6),
            "dollars": {**dollars, "total": sum(dollars.values())},
            "prices": {**PRICES, "region": _REGION, "asOf": _AS_OF, "sources": _SOURCES},
        }

    def _bill(self, entry: Entry) -> None:
        self._gb_seconds += self._cost_of(entry)

    def _cost_of(self, entry: Entry) -> float:
        """Return the GB-seconds of an entry, 0 for what isn't an event or hasn't ended."""
        if entry[2] is not Kind.INVOCATION:
            return 0.0
        outcome = cast("Invocation", entry[5]).outcome
        function = self._application().functions.get(cast("str", entry[4]))
        if function is None or not isinstance(outcome, InvokeResult):
            return 0.0
        return function.memory_mb / 1024 * max(1, math.ceil(outcome.duration_ms)) / 1000
