from __future__ import annotations

import asyncio

import pytest

from local_gateway import clock
from local_gateway.deadlines import Alarm, Deadlines, MachineAlarm, Wheel


def test_deadlines_expire_in_order_and_not_early() -> None:
    deadlines = Deadlines[str](10)
    deadlines.add("a", 0)
    deadlines.add("b", 5)

    assert deadlines.next_due() == 10
    assert deadlines.expire(9.9) == []
    assert deadlines.expire(10) == ["a"]
    assert deadlines.expire(99) == ["b"]
    assert deadlines.next_due() is None


def test_deadlines_forget_what_is_discarded() -> None:
    deadlines = Deadlines[str](10)
    deadlines.add("a", 0)
    deadlines.add("b", 1)

    assert deadlines.discard("a") is True
    assert deadlines.discard("a") is False
    assert (len(deadlines), deadlines.next_due()) == (1, 11)
    assert deadlines.expire(99) == ["b"]
    assert deadlines.discard("b") is False


def test_wheel_is_up_to_a_slot_late_and_never_early() -> None:
    wheel = Wheel[str](2)
    wheel.add("a", 9.0)
    wheel.add("b", 11.0)

    assert wheel.next_due() == 10
    assert wheel.expire(9.9) == []
    assert wheel.expire(10) == ["a"]
    assert wheel.expire(11.9) == []
    assert wheel.expire(20) == ["b"]


def test_wheel_forgets_what_is_discarded() -> None:
    wheel = Wheel[str](1)
    slot = wheel.add("a", 5.0)
    wheel.add("b", 5.0)

    wheel.discard("a", slot)
    wheel.discard("a", slot)
    wheel.discard("never there", 99)

    assert len(wheel) == 1
    assert wheel.expire(6) == ["b"]
    assert wheel.next_due() is None


async def test_alarm_calls_with_what_expires() -> None:
    expired: asyncio.Queue[str] = asyncio.Queue()
    deadlines = Deadlines[str](0.01)
    alarm = Alarm(deadlines, expired.put_nowait)

    for key in ("a", "b", "c"):
        deadlines.add(key, clock.monotonic())
        alarm.arm()
    deadlines.discard("b")

    assert [await expired.get(), await expired.get()] == ["a", "c"]


async def test_alarm_goes_on_after_it_found_nothing() -> None:
    expired: asyncio.Queue[str] = asyncio.Queue()
    deadlines = Deadlines[str](0.01)
    alarm = Alarm(deadlines, expired.put_nowait)
    deadlines.add("a", clock.monotonic())
    alarm.arm()
    deadlines.discard("a")
    deadlines.add("b", clock.monotonic())
    alarm.arm()
    assert await expired.get() == "b"

    deadlines.add("c", clock.monotonic())
    alarm.arm()

    assert await expired.get() == "c"


async def test_alarm_arms_itself_for_what_is_due_later() -> None:
    expired: asyncio.Queue[str] = asyncio.Queue()
    wheel = Wheel[str](0.01)
    alarm = Alarm(wheel, expired.put_nowait)
    wheel.add("late", clock.monotonic() + 0.05)
    wheel.add("early", clock.monotonic())

    alarm.arm()

    assert [await expired.get(), await expired.get()] == ["early", "late"]


async def test_stopped_alarm_calls_nobody() -> None:
    expired: list[str] = []
    stopped, running = Deadlines[str](0.01), Deadlines[str](0.01)
    alarm = Alarm(stopped, expired.append)
    marker = asyncio.Event()
    other = Alarm(running, lambda _: marker.set())
    stopped.add("a", clock.monotonic())
    alarm.arm()
    alarm.stop()
    running.add("b", clock.monotonic())
    other.arm()

    await marker.wait()

    assert expired == []


@pytest.mark.usefixtures("still")
async def test_an_alarm_of_the_machine_does_not_mind_that_time_stands_still() -> None:
    expired: asyncio.Queue[str] = asyncio.Queue()
    deadlines = Deadlines[str](0.01)
    alarm = MachineAlarm(deadlines, expired.put_nowait)

    deadlines.add("a", clock.machine())
    alarm.arm()

    assert await expired.get() == "a"


@pytest.mark.usefixtures("still")
async def test_an_advance_sets_off_an_alarm_at_each_moment() -> None:
    expired: list[tuple[str, float]] = []
    began = clock.monotonic()
    deadlines = Deadlines[str](600)
    alarm = Alarm(deadlines, lambda key: expired.append((key, round(clock.monotonic() - began, 3))))
    for key in ("a", "b"):
        deadlines.add(key, clock.monotonic())
        alarm.arm()
        await clock.advance(5)

    await clock.advance(590)
    first = list(expired)
    await clock.advance(5)

    assert (first, expired) == ([("a", 600)], [("a", 600), ("b", 605)])
