"""`GET /v1/statistics`: what was counted, by the minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import clock, statistics, wiring
from cloudpush.errors import InvalidMessage
from cloudpush.rights import Scope
from push_routes import answers, describing, guard
from push_routes.bodies import (
    BucketReply,
    HistogramReply,
    MinuteReply,
    StatisticsReply,
)

if TYPE_CHECKING:
    from cloudpush.ports import Minute
    from cloudpush.statistics import Histogram

router = APIRouter(prefix="/v1")

MINUTE_MS = 60 * 1000
PAGE_MS = 60 * MINUTE_MS
"""What one answer covers at most."""

KEPT_MS = 48 * PAGE_MS

_TIME = {"type": "integer", "minimum": 0, "maximum": 9_999_999_999_999}


@router.get(
    "/statistics",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: StatisticsReply}),
    openapi_extra=describing.takes(
        describing.parameter(
            "from", "query", _TIME, "Milliseconds; 59 minutes before the one of `to`."
        ),
        describing.parameter("to", "query", _TIME, "Milliseconds; now."),
        describing.CURSOR,
    ),
)
async def get_statistics(request: Request) -> Response:
    """Tell what was counted from one time to another, an hour at most in one answer.

    Two days are kept. The sums are those of the answer's minutes.
    """
    to_ms = answers.read_time(request, "to", clock.now_ms())
    first_ms = to_ms // MINUTE_MS * MINUTE_MS - PAGE_MS + MINUTE_MS
    from_ms = answers.read_time(request, "from", max(0, first_ms))
    place = answers.read_cursor(request, "statistics")
    if place is not None:
        place_ms = answers.number_in_cursor(place)
        if not from_ms <= place_ms < to_ms:
            raise InvalidMessage("cursor is not one of this list")
        from_ms = place_ms
    if not 0 <= to_ms - from_ms <= KEPT_MS:
        raise InvalidMessage("from must not be after to, nor more than two days before it")
    end_ms = min(to_ms, from_ms // MINUTE_MS * MINUTE_MS + PAGE_MS)
    minutes = wiring.current().statistics.read(from_ms=from_ms, to_ms=end_ms)
    found = statistics.summarize(minutes)
    reply = StatisticsReply(
        from_=from_ms,
        to=end_ms,
        delivery_rate=found.delivery_rate,
        resend_ratio=found.resend_ratio,
        duplicate_ratio=found.duplicate_ratio,
        online=found.online,
        counts=found.counts,
        histograms={name: _reply_of(each) for name, each in found.histograms.items()},
        minutes=[_minute_reply(each) for each in minutes],
        cursor=answers.write_cursor("statistics", str(end_ms) if end_ms < to_ms else None),
    )
    return answers.json(200, reply)


def _reply_of(histogram: Histogram) -> HistogramReply:
    return HistogramReply(
        count=histogram.count,
        mean=histogram.mean,
        buckets=[BucketReply(**msgspec.structs.asdict(each)) for each in histogram.buckets],
    )


def _minute_reply(minute: Minute) -> MinuteReply:
    return MinuteReply(
        at=minute.at_ms,
        online=statistics.online_in(minute),
        counts=statistics.counts_in(minute),
    )
