"""What an advance of the clock brings, and in which order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway.testing import HandshakeRefused, serve
from tests.fakes.rooms import ROOM, serving_room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_gateway.testing import Gateway


@pytest.fixture(scope="module")
def room() -> Iterator[Gateway]:
    yield from serving_room()


def context(invocation: Any) -> dict[str, Any]:  # noqa: ANN401 — an Invocation
    return invocation.event["requestContext"]


@pytest.mark.clause("TIME-1")
async def test_an_advance_moves_all_times_by_as_much(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "echo"})
    before = context((await room.invocations("echo"))[-1])

    await room.advance(minutes=5)
    await client.send({"action": "echo"})
    after = context((await room.invocations("echo"))[-1])

    assert after["requestTimeEpoch"] - before["requestTimeEpoch"] == 300_000
    assert after["connectedAt"] == before["connectedAt"]
    # An id begins with a counter of 25 ms, so it has moved as well (ID-1).
    assert after["requestId"][:4] != before["requestId"][:4]


@pytest.mark.clause("TIME-2")
async def test_connections_idle_out_at_their_own_moments(room: Gateway) -> None:
    first = await room.connect()
    began = await room.now_ms()
    await room.advance(minutes=1)
    second = await room.connect()

    await room.advance(hours=3)

    assert await first.expect_close() == (1001, "Going away")
    assert await second.expect_close() == (1001, "Going away")
    ends = {
        context(each)["connectionId"]: context(each)["requestTimeEpoch"] - began
        for each in await room.invocations("$disconnect")
    }
    assert (ends[first.connection_id], ends[second.connection_id]) == (600_000, 660_000)


@pytest.mark.clause("TIME-2")
async def test_a_busy_connection_ends_after_two_hours_to_the_millisecond(room: Gateway) -> None:
    client = await room.connect()
    for _ in range(23):
        await room.advance(minutes=5)
        await client.send({"action": "echo"})
        await room.settle()

    await room.advance(minutes=4.999)
    was_gone = await room.gone(client.connection_id)
    await room.advance(minutes=0.001)

    assert not was_gone
    assert await client.expect_close(1001) == (1001, "Going away")


@pytest.mark.clause("TIME-3")
async def test_a_schedule_fires_as_often_as_the_time_has_it(room: Gateway) -> None:
    before = len(await room.invocations("Tick"))

    await room.advance(hours=3)

    events = [each.event for each in await room.invocations("Tick")][before:]
    assert len(events) == len({event["time"] for event in events}) == 180


@pytest.mark.clause("TIME-4")
async def test_time_waits_for_what_a_moment_has_set_going(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "enqueue", "fails": True, "delay": 60, "seconds": 0.3})
    await room.settle()
    before = len(await room.invocations("Work"))

    await room.advance(minutes=2)

    first, second = (await room.invocations("Work"))[before:]
    received = [
        int(each.event["Records"][0]["attributes"]["ApproximateFirstReceiveTimestamp"])
        for each in (first, second)
    ]
    assert (first.error, second.error) == ("Unhandled", None)
    assert received[0] == received[1]


@pytest.mark.clause("TIME-4")
async def test_time_does_not_wait_for_what_ran_before(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "sleep", "seconds": 5, "text": "late"})
    began = time.monotonic()

    await room.advance(hours=1)

    assert time.monotonic() - began < 5
    assert [each.is_done for each in await room.invocations("sleep")][-1]


@pytest.mark.clause("TIME-5")
async def test_an_integration_times_out_in_the_gateways_time(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "sleep", "seconds": 0.5, "text": "late"})

    await room.advance(seconds=28.999)
    await room.advance(seconds=0.001)

    message = await client.expect({"message": "Endpoint request timed out"})
    assert message["connectionId"] == client.connection_id
    await client.expect_nothing()


@pytest.mark.clause("TIME-6")
async def test_a_delayed_message_comes_when_its_time_has_come(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "enqueue", "delay": 60})
    before = len(await room.invocations("Work"))

    await room.advance(seconds=59.999)
    early = len(await room.invocations("Work")) - before
    await room.advance(seconds=0.001)

    assert (early, len(await room.invocations("Work")) - before) == (0, 1)


@pytest.mark.clause("TIME-6")
async def test_a_message_that_failed_comes_again_after_its_visibility_timeout(
    room: Gateway,
) -> None:
    client = await room.connect()
    await client.send({"action": "enqueue", "fails": True})
    before = len(await room.invocations("Work"))

    await room.advance(seconds=29.999)
    early = len(await room.invocations("Work")) - before
    await room.advance(seconds=0.001)

    assert (early, len(await room.invocations("Work")) - before) == (0, 1)


@pytest.mark.clause("TIME-6")
async def test_a_batch_is_handed_over_when_its_window_has_passed(tmp_path: Path) -> None:
    text = ROOM.read_text().replace("CodeUri: functions", f"CodeUri: {ROOM.parent}/functions")
    template = tmp_path / "template.yaml"
    window = "BatchSize: 10, MaximumBatchingWindowInSeconds: 20"
    template.write_text(text.replace("BatchSize: 10", window))
    async with serve(template) as room:
        client = await room.connect()
        await client.send({"action": "enqueue"})
        await room.settle()
        await room.advance(seconds=19.999)
        await client.send({"action": "enqueue"})
        early = len(await room.invocations("Work"))
        await room.advance(seconds=0.001)
        batches = [len(each.event["Records"]) for each in await room.invocations("Work")]

    assert (early, batches) == (0, [2])


@pytest.mark.clause("TIME-7")
async def test_functions_have_the_machines_clock_and_the_developer_is_told(room: Gateway) -> None:
    await room.advance(hours=1)

    told = [said for said in room.why if said.reason.id == "time-advanced"]

    assert len(told) == 1
    answer = (await room.invoke("Message", {"clock": True})).answer
    assert answer["now"] < await room.now_ms() - 3_500_000
    assert 3_000 < answer["left"] <= 5_000


@pytest.mark.clause("TIME-8")
async def test_tokens_come_back_with_the_gateways_time() -> None:
    async with serve(ROOM, connect_rate=2) as room:
        clients = [await room.connect(), await room.connect()]
        with pytest.raises(HandshakeRefused) as caught:
            await room.connect()

        await room.advance(seconds=0.5)
        clients.append(await room.connect())
        with pytest.raises(HandshakeRefused):
            await room.connect()

    assert caught.value.status == 429
    assert len(clients) == 3


@pytest.mark.clause("TIME-1")
async def test_gateways_of_one_process_live_in_the_same_time(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "enqueue", "delay": 60})
    before = len(await room.invocations("Work"))

    async with serve(ROOM) as other:
        await other.advance(seconds=60)

    assert len(await room.invocations("Work")) - before == 1


@pytest.mark.clause("TIME-9")
async def test_a_virtual_clock_stands_still(room: Gateway) -> None:
    before = await room.now_ms()

    await room.invoke("Message", {"clock": True})

    assert await room.now_ms() == before
