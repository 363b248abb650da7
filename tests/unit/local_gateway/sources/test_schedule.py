from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from local_gateway.api import Identity, Schedule
from local_gateway.sources.asynchronous import AsynchronousInvoker
from local_gateway.sources.schedule import Scheduler, write_event
from tests.fakes.invocations import RecordingFunctions

START_MS = 1_795_428_007_000  # 2026-11-23T10:00:07Z


class VirtualClock:
    """Time that passes when somebody sleeps: at once, and by exactly as much."""

    def __init__(self, *, stop_at_ms: int) -> None:
        self.now = START_MS
        self.stop_at_ms = stop_at_ms
        self.sleeps: list[float] = []
        self.oversleep_ms = 0

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += round(seconds * 1000) + self.oversleep_ms
        await asyncio.sleep(0)
        if self.now >= self.stop_at_ms:
            raise asyncio.CancelledError


def schedule(expression: str, **settings: Any) -> Schedule:  # noqa: ANN401 — fields of two types
    return Schedule(
        logical_id="Sweep", name="sweep", expression=expression, function="Sweep", **settings
    )


async def run(scheduled: Schedule, clock: VirtualClock) -> list[str]:
    """Run a schedule until the clock stops, and return the times of its events."""
    functions = RecordingFunctions()
    invoker = AsynchronousInvoker(functions)
    scheduler = Scheduler(scheduled, Identity(), invoker, now_ms=clock.now_ms, sleep=clock.sleep)
    with suppress(asyncio.CancelledError):
        await scheduler.run()
    await invoker.join()
    return [event["time"] for event in functions.events["Sweep"]]


async def test_a_rate_fires_from_its_start_on() -> None:
    clock = VirtualClock(stop_at_ms=START_MS + 200_000)

    times = await run(schedule("rate(1 minute)"), clock)

    assert times == ["2026-11-23T10:01:07Z", "2026-11-23T10:02:07Z", "2026-11-23T10:03:07Z"]


async def test_cron_fires_at_the_minute() -> None:
    clock = VirtualClock(stop_at_ms=START_MS + 150_000)

    times = await run(schedule("cron(* * * * ? *)"), clock)

    assert times == ["2026-11-23T10:01:00Z", "2026-11-23T10:02:00Z"]


async def test_lateness_does_not_add_up() -> None:
    clock = VirtualClock(stop_at_ms=START_MS + 250_000)
    clock.oversleep_ms = 900

    times = await run(schedule("rate(1 minute)"), clock)

    assert times == [
        "2026-11-23T10:01:07Z",
        "2026-11-23T10:02:07Z",
        "2026-11-23T10:03:07Z",
        "2026-11-23T10:04:07Z",
    ]


async def test_a_long_sleep_fires_once_and_skips_the_rest() -> None:
    clock = VirtualClock(stop_at_ms=START_MS + 700_000)
    clock.oversleep_ms = 330_000  # a laptop that was closed for five and a half minutes

    times = await run(schedule("rate(1 minute)"), clock)

    assert times == ["2026-11-23T10:01:07Z", "2026-11-23T10:06:07Z"]


async def test_a_long_wait_is_cut_up() -> None:
    clock = VirtualClock(stop_at_ms=START_MS + 25_000)

    await run(schedule("rate(1 day)"), clock)

    assert clock.sleeps == [10.0, 10.0, 10.0]


async def test_a_schedule_without_a_next_time_ends() -> None:
    clock = VirtualClock(stop_at_ms=START_MS + 1_000_000)

    times = await run(schedule("at(2026-11-23T10:00:30)", kind="scheduler"), clock)

    assert times == ["2026-11-23T10:00:30Z"]
    assert clock.now < clock.stop_at_ms


def test_the_event_of_a_rule() -> None:
    event = json.loads(write_event(schedule("rate(1 minute)"), Identity(), START_MS))

    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-23T10:00:07Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweep"],
        "detail": {},
    }


def test_the_event_of_a_schedule() -> None:
    scheduled = schedule("rate(1 minute)", kind="scheduler")

    event = json.loads(write_event(scheduled, Identity(region="eu-west-1"), START_MS))

    assert event["source"] == "aws.scheduler"
    assert event["detail"] == "{}"
    assert event["resources"] == ["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/sweep"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rule", {"at": "<aws.scheduler.scheduled-time>"}),
        ("scheduler", {"at": "2026-11-23T10:00:07Z"}),
    ],
)
def test_an_input_takes_the_place_of_the_event(kind: str, expected: dict[str, str]) -> None:
    scheduled = schedule(
        "rate(1 minute)", kind=kind, payload='{"at":"<aws.scheduler.scheduled-time>"}'
    )

    assert json.loads(write_event(scheduled, Identity(), START_MS)) == expected
