"""Rules and schedules that fire on the real clock.

Each fires at its due time, however late the one before was: due times are computed from due times,
so nothing drifts. Those missed while the machine slept are skipped, except for one. EventBridge
invokes asynchronously, so a function that fails is tried again by `AsynchronousInvoker`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from local_gateway import clock, ids
from local_gateway.sources.expression import parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local_gateway.api import Identity, Schedule
    from local_gateway.sources.asynchronous import AsynchronousInvoker

_logger = logging.getLogger(__name__)

_LONGEST_SLEEP_SECONDS = 10.0
"""A longer wait is cut up: a clock that was set, or a machine that slept, is noticed this late."""


class Scheduler:
    """Fires one schedule, from when it starts to run."""

    def __init__(
        self,
        schedule: Schedule,
        identity: Identity,
        invoker: AsynchronousInvoker,
        *,
        now_ms: Callable[[], int] = clock.now_ms,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take what to fire and how to invoke; `now_ms` and `sleep` are the clock."""
        self._schedule = schedule
        self._identity = identity
        self._invoker = invoker
        self._now_ms = now_ms
        self._sleep = sleep

    async def run(self) -> None:
        """Fire until it is cancelled, or there is no next time."""
        expression = parse(self._schedule.expression, kind=self._schedule.kind)
        started_ms = self._now_ms()
        due_ms = expression.following(started_ms, started_ms)
        while due_ms is not None:
            await self._sleep_until(due_ms)
            self._fire(due_ms)
            due_ms = expression.following(due_ms, self._now_ms())

    async def _sleep_until(self, due_ms: int) -> None:
        while (left_ms := due_ms - self._now_ms()) > 0:
            await self._sleep(min(left_ms / 1000, _LONGEST_SLEEP_SECONDS))

    def _fire(self, due_ms: int) -> None:
        schedule = self._schedule
        event = write_event(schedule, self._identity, due_ms)
        request_id = self._invoker.submit(schedule.function, event)
        _logger.info("%s fired %s (%s)", schedule.name, schedule.function, request_id)


def write_event(schedule: Schedule, identity: Identity, due_ms: int) -> bytes:
    """Write what the function gets: its own `Input`, or the event of the service.

    The event of a rule is that of the EventBridge user guide; the one of EventBridge Scheduler has
    another source and, as observed, a text for `detail`.
    """
    time = datetime.fromtimestamp(due_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    is_rule = schedule.kind == "rule"
    service, resource = ("events", "rule") if is_rule else ("scheduler", "schedule/default")
    account = f"{identity.region}:{identity.account_id}"
    arn = f"arn:{identity.partition}:{service}:{account}:{resource}/{schedule.name}"
    if schedule.payload is not None:
        return _fill_in(schedule, arn, time).encode()
    return orjson.dumps(
        {
            "version": "0",
            "id": ids.new_request_id(),
            "detail-type": "Scheduled Event",
            "source": f"aws.{service}",
            "account": identity.account_id,
            "time": time,
            "region": identity.region,
            "resources": [arn],
            "detail": {} if is_rule else "{}",
        }
    )


def _fill_in(schedule: Schedule, arn: str, time: str) -> str:
    """Return the template's `Input`; Scheduler replaces its context attributes in it.

    EventBridge Scheduler user guide, "Adding context attributes".
    """
    text = schedule.payload or ""
    if schedule.kind == "rule":
        return text
    context = {
        "schedule-arn": arn,
        "scheduled-time": time,
        "execution-id": ids.new_request_id(),
        "attempt-number": "1",
    }
    for name, value in context.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
