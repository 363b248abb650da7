"""The emulated time, and what waits for it."""

from __future__ import annotations

import asyncio

import pytest

from local_gateway import clock

HOURS = 3600.0


def test_http_date_is_as_the_rfc_says() -> None:
    assert clock.http_date(784_111_777) == b"Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.usefixtures("running")
async def test_the_emulated_time_is_the_machines_until_it_is_moved() -> None:
    before, now, after = clock.machine(), clock.monotonic(), clock.machine()

    assert before <= now <= after


@pytest.mark.usefixtures("still")
async def test_an_advance_moves_both_clocks_by_as_much_and_no_machine() -> None:
    ms, seconds, machine = clock.now_ms(), clock.monotonic(), clock.machine()

    await clock.advance(3 * HOURS)

    assert clock.now_ms() - ms == 10_800_000
    assert clock.monotonic() - seconds == pytest.approx(10_800, abs=1e-5)
    assert clock.machine() - machine < HOURS


@pytest.mark.usefixtures("still")
async def test_a_frozen_time_keeps_whole_milliseconds_over_many_advances() -> None:
    ms = clock.now_ms()

    for _ in range(500):
        await clock.advance(0.001)

    assert clock.now_ms() - ms == 500


@pytest.mark.usefixtures("running")
async def test_a_running_time_goes_on_after_an_advance() -> None:
    await clock.advance(HOURS)
    due, woken = clock.monotonic() + 0.01, asyncio.Event()

    clock.call_at(due, woken.set)
    await woken.wait()

    assert clock.monotonic() >= due


@pytest.mark.usefixtures("still")
async def test_what_falls_due_is_called_in_order_at_its_own_moment() -> None:
    called: list[tuple[str, int]] = []
    ms, now = clock.now_ms(), clock.monotonic()

    def note(name: str) -> None:
        called.append((name, clock.now_ms() - ms))

    clock.call_at(now + 20, lambda: note("third"))
    clock.call_at_ms(ms + 15_000, lambda: note("second"))
    clock.call_at(now + 10, lambda: note("first"))
    clock.call_at(now + 10, lambda: note("first, but later"))
    clock.call_at(now + 31, lambda: note("never"))
    await clock.advance(30)

    assert called == [
        ("first", 10_000),
        ("first, but later", 10_000),
        ("second", 15_000),
        ("third", 20_000),
    ]
    assert clock.now_ms() - ms == 30_000


@pytest.mark.usefixtures("still")
async def test_what_is_due_at_the_very_end_is_called() -> None:
    called: list[str] = []
    await clock.advance(0.1)
    clock.call_at(clock.monotonic() + 600, lambda: called.append("idle"))

    await clock.advance(300)
    await clock.advance(300)

    assert called == ["idle"]


@pytest.mark.usefixtures("still")
async def test_what_is_begun_during_an_advance_is_part_of_it() -> None:
    called: list[int] = []
    ms = clock.now_ms()

    def again() -> None:
        called.append(clock.now_ms() - ms)
        clock.call_at(clock.monotonic() + 60, again)

    clock.call_at(clock.monotonic() + 60, again)
    await clock.advance(200)

    assert called == [60_000, 120_000, 180_000]


@pytest.mark.usefixtures("still")
async def test_each_moment_is_told_before_and_settled_after() -> None:
    events: list[str] = []

    async def tell() -> None:
        events.append("moved")

    async def settle() -> None:
        events.append("settled")

    clock.call_at(clock.monotonic() + 1, lambda: events.append("called"))
    await clock.advance(2, has_moved=tell, settle=settle)

    assert events == ["moved", "called", "settled", "moved", "settled"]


@pytest.mark.usefixtures("still")
async def test_what_is_cancelled_is_not_called() -> None:
    called: list[int] = []
    timers = [
        clock.call_at(clock.monotonic() + 1, lambda number=number: called.append(number))
        for number in range(5)
    ]

    for timer in timers[1:]:
        timer.cancel()
    timers[1].cancel()
    await clock.advance(1)
    timers[0].cancel()

    assert called == [0]


@pytest.mark.usefixtures("still")
async def test_a_frozen_time_wakes_nobody() -> None:
    called: list[str] = []
    later = asyncio.Event()
    clock.call_at(clock.monotonic() + 0.001, lambda: called.append("too early"))

    asyncio.get_running_loop().call_later(0.01, later.set)
    await later.wait()

    assert called == []


@pytest.mark.usefixtures("still")
async def test_a_timeout_counts_emulated_seconds() -> None:
    async def wait() -> None:
        async with clock.timeout(29):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await clock.advance(28.9)
    is_early = waiting.done()
    await clock.advance(0.1)

    with pytest.raises(TimeoutError):
        await waiting
    assert not is_early


@pytest.mark.usefixtures("still")
async def test_a_timeout_that_is_not_reached_leaves_nothing() -> None:
    moments: list[int] = []

    async def note() -> None:
        moments.append(clock.now_ms())

    async with clock.timeout(29):
        pass
    await clock.advance(30, has_moved=note)

    assert len(moments) == 1


@pytest.mark.usefixtures("still")
async def test_a_child_follows_its_parent() -> None:
    state = clock.state()
    await clock.advance(60)

    clock.follow(state)

    assert clock.state() == state


@pytest.mark.usefixtures("running")
async def test_how_far_it_is_ahead_is_what_it_was_moved_by() -> None:
    await clock.advance(90)

    assert {clock.ahead_ms() for _ in range(10_000)} == {90_000}
