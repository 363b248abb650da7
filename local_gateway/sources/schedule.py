"""Rules and schedules, which fire in the emulated time.

Each fires at its due time, however late the one before was: due times are computed from due times,
so nothing drifts. Those missed while the machine slept are skipped, except for one; those that an
advance of the clock passes are not: each fires at its moment. EventBridge invokes asynchronously,
so a function that fails is tried again by `AsynchronousInvoker`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from local_gateway import clock, ids
from local_gateway.sources.expression import parse

if TYPE_CHECKING:
    from local_gateway.api import Identity, Schedule
    from local_gateway.sources.asynchronous import AsynchronousInvoker

_logger = logging.getLogger(__name__)


class Scheduler:
    """Fires one schedule, from `start` to `stop`, or until there is no next time."""

    def __init__(
        self, schedule: Schedule, identity: Identity, invoker: AsynchronousInvoker
    ) -> None:
        """Take what to fire and how to invoke."""
        self.schedule = schedule
        """What it fires."""
        self._expression = parse(schedule.expression, kind=schedule.kind)
        self._identity = identity
        self._invoker = invoker
        self._timer: clock.Timer | None = None

    def start(self) -> None:
        """Wait for the first time; `rate(…)` counts from now."""
        self._wait_after(clock.now_ms())

    def stop(self) -> None:
        """Fire no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait_after(self, due_ms: int) -> None:
        next_ms = self._expression.following(due_ms, max(due_ms, clock.now_ms()))
        if next_ms is not None:
            self._timer = clock.call_at_ms(next_ms, lambda: self._come(next_ms))

    def _come(self, due_ms: int) -> None:
        self._fire(due_ms)
        self._wait_after(due_ms)

    def _fire(self, due_ms: int) -> None:
        schedule = self.schedule
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
