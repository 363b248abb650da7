"""Faults that are switched on, and that are off again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local_gateway import ids
from local_gateway.faults import FAULTS, Faults, InvalidFault
from tests.fakes.rooms import serving_room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from local_gateway.testing import Gateway


@pytest.fixture(scope="module")
def sound_room() -> Iterator[Gateway]:
    yield from serving_room()


@pytest.fixture
async def room(sound_room: Gateway) -> AsyncIterator[Gateway]:
    yield sound_room
    await sound_room.fault(**dict.fromkeys(FAULTS, 0))


async def ends(room: Gateway, connection_id: str) -> int:
    """Return how often `$disconnect` was invoked for a connection."""
    contexts = [each.event["requestContext"] for each in await room.invocations("$disconnect")]
    return [context["connectionId"] for context in contexts].count(connection_id)


@pytest.mark.clause("FAULT-1")
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("lost-frames", 1, "late-disconnect"),
        ("lost-frame", 1.5, "lost-frame: probability, 0 (off) to 1"),
        ("late-disconnect", -1, "late-disconnect: seconds, 0 (off) to 3600"),
        ("cold-start", "often", "cold-start: probability, 0 (off) to 1"),
    ],
)
def test_what_is_not_in_the_table_is_refused(name: str, value: object, allowed: str) -> None:
    faults = Faults()

    with pytest.raises(InvalidFault) as caught:
        faults.set({"cold-start": 1, name: value})

    assert caught.value.allowed[0] == allowed
    assert faults.values == {}


@pytest.mark.clause("FAULT-2")
def test_a_seed_replays_what_happens() -> None:
    seed = ids.current_seed()

    def draws(value: int) -> list[bool]:
        ids.seed(value)
        faults = Faults()
        faults.set({"lost-frame": 0.5})
        return [faults.happens("lost-frame") for _ in range(50)]

    first, again, other = draws(7), draws(7), draws(8)
    ids.seed(seed)

    assert first == again != other
    assert {True, False} == set(first)


@pytest.mark.clause("FAULT-3")
async def test_a_late_disconnect_comes_in_the_gateways_time(room: Gateway) -> None:
    await room.fault(late_disconnect=60)
    client = await room.connect()
    await client.close()

    await room.advance(seconds=59.999)
    early = await ends(room, client.connection_id)
    await room.advance(seconds=0.001)

    assert (early, await ends(room, client.connection_id)) == (0, 1)


@pytest.mark.clause("FAULT-3")
async def test_a_lost_disconnect_never_comes(room: Gateway) -> None:
    await room.fault(lost_disconnect=1)
    client = await room.connect()

    await client.close()
    await room.advance(hours=1)

    assert await ends(room, client.connection_id) == 0


@pytest.mark.clause("FAULT-3")
async def test_a_duplicate_disconnect_comes_twice(room: Gateway) -> None:
    await room.fault(duplicate_disconnect=1)
    client = await room.connect()

    await client.close()

    assert await ends(room, client.connection_id) == 2


@pytest.mark.clause("FAULT-4")
async def test_a_cold_start_gives_each_event_a_new_environment(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(cold_start=1)

    for _ in range(2):
        await client.send({"action": "echo", "text": "hi"})
        await client.expect("hi")

    assert [each.is_cold for each in await room.invocations("echo")][-2:] == [True, True]


@pytest.mark.clause("FAULT-4")
async def test_a_function_that_fails_without_its_handler_is_an_error_frame(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(function_error=1)

    await client.send({"action": "echo", "text": "hi"})

    await client.expect({"message": "Internal server error"})
    await client.expect_nothing()


@pytest.mark.clause("FAULT-5")
async def test_posts_fail_as_they_are_told_to(room: Gateway) -> None:
    client = await room.connect()
    statuses: list[int] = []

    for faults in ({"post_429": 1}, {"post_429": 0, "false_gone": 1}, {"false_gone": 0}):
        await room.fault(**faults)
        statuses.append(await room.post(client.connection_id, "hi"))

    assert statuses == [429, 410, 200]
    await client.expect("hi")
    await client.expect_nothing()


@pytest.mark.clause("FAULT-5")
async def test_a_slow_client_takes_no_post(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(slow_client=1)

    statuses = {await room.post(client.connection_id, "hi") for _ in range(3)}

    assert statuses == {429}


@pytest.mark.clause("FAULT-6")
async def test_a_lost_frame_never_arrives(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(lost_frame=1)

    status = await room.post(client.connection_id, "posted")
    await client.send({"action": "echo", "text": "answered"})

    assert status == 200
    await client.expect_nothing()


@pytest.mark.clause("FAULT-6")
async def test_an_answer_that_is_held_back_comes_in_the_end(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(reordered_reply=1)

    await client.send({"action": "echo", "text": "held back"})
    await client.expect_nothing()

    await client.expect("held back")


@pytest.mark.clause("FAULT-7")
async def test_a_duplicate_record_is_handed_over_once_more(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(duplicate_record=1)
    before = len(await room.invocations("Work"))

    await client.send({"action": "enqueue"})

    bodies = [each.event["Records"][0]["body"] for each in await room.invocations("Work")][before:]
    assert len(bodies) == 2
    assert len(set(bodies)) == 1


@pytest.mark.clause("FAULT-9")
async def test_a_record_may_come_behind_the_next_ones(room: Gateway) -> None:
    client = await room.connect()
    before = len(await room.invocations("Work"))
    await room.fault(reordered_record=0.5)

    for number in range(20):
        await client.send({"action": "enqueue", "number": number})

    events = [each.event for each in await room.invocations("Work")][before:]
    numbers = [json.loads(each["body"])["number"] for event in events for each in event["Records"]]
    assert sorted(numbers) == list(range(20))
    assert numbers != list(range(20))


@pytest.mark.clause("FAULT-8")
async def test_what_is_off_happens_no_more(room: Gateway) -> None:
    client = await room.connect()
    await room.fault(function_error=1, lost_frame=1, lost_disconnect=1)

    await room.fault(function_error=0, lost_frame=0, lost_disconnect=0)
    await client.send({"action": "echo", "text": "hi"})

    await client.expect("hi")
    await client.close()
    assert await ends(room, client.connection_id) == 1
