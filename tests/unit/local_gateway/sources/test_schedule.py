from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from local_gateway import clock
from local_gateway.api import Identity, Schedule
from local_gateway.sources.asynchronous import AsynchronousInvoker
from local_gateway.sources.schedule import Scheduler, write_event
from tests.fakes.invocations import RecordingFunctions

START_MS = 1_795_428_007_000  # 2026-11-23T10:00:07Z


@pytest.fixture(autouse=True)
def at_start(still: None) -> None:
    """Let a frozen time begin at `START_MS`."""
    del still
    frozen = clock.state()
    clock.follow(frozen._replace(offset_ms=START_MS))


def schedule(expression: str, **settings: Any) -> Schedule:  # noqa: ANN401 — fields of two types
    return Schedule(
        logical_id="Sweep", name="sweep", expression=expression, function="Sweep", **settings
    )


async def run(scheduled: Schedule, seconds: float) -> list[str]:
    """Run a schedule for a while, and return the times of its events."""
    functions = RecordingFunctions()
    invoker = AsynchronousInvoker(functions)
    scheduler = Scheduler(scheduled, Identity(), invoker)
    scheduler.start()
    await clock.advance(seconds)
    scheduler.stop()
    await asyncio.gather(*invoker.running)
    return [event["time"] for event in functions.events["Sweep"]]


async def test_a_rate_fires_from_its_start_on() -> None:
    times = await run(schedule("rate(1 minute)"), 200)

    assert times == ["2026-11-23T10:01:07Z", "2026-11-23T10:02:07Z", "2026-11-23T10:03:07Z"]


async def test_cron_fires_at_the_minute() -> None:
    times = await run(schedule("cron(* * * * ? *)"), 150)

    assert times == ["2026-11-23T10:01:00Z", "2026-11-23T10:02:00Z"]


async def test_an_advance_fires_as_often_as_the_time_that_passes_has_it() -> None:
    times = await run(schedule("rate(1 minute)"), 3 * 3600)

    assert (len(times), times[-1]) == (180, "2026-11-23T13:00:07Z")


async def test_a_machine_that_slept_fires_once_and_skips_the_rest() -> None:
    functions = RecordingFunctions()
    invoker = AsynchronousInvoker(functions)
    scheduler = Scheduler(schedule("rate(1 minute)"), Identity(), invoker)
    scheduler.start()
    state = clock.state()
    slept = state._replace(offset=state.offset + 330, offset_ms=state.offset_ms + 330_000)

    clock.follow(slept)  # a laptop that was closed for five and a half minutes
    await clock.advance(60)
    scheduler.stop()
    await asyncio.gather(*invoker.running)

    times = [event["time"] for event in functions.events["Sweep"]]
    assert times == ["2026-11-23T10:01:07Z", "2026-11-23T10:06:07Z"]


async def test_a_stopped_schedule_fires_no_more() -> None:
    functions = RecordingFunctions()
    scheduler = Scheduler(schedule("rate(1 minute)"), Identity(), AsynchronousInvoker(functions))
    scheduler.start()

    scheduler.stop()
    await clock.advance(60)

    assert functions.events == {}


async def test_a_schedule_without_a_next_time_ends() -> None:
    times = await run(schedule("at(2026-11-23T10:00:30)", kind="scheduler"), 100)

    assert times == ["2026-11-23T10:00:30Z"]


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
