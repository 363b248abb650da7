"""Concurrency, and when functions run: ORDER."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from local_gateway.limits import FRAME_BYTES
from tests.conformance.target import Stage, ask, message
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import Gateway, RawClient, frame, read_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]
    StageOf = Callable[[str], Stage]

TEXT, BINARY, CLOSE = 0x1, 0x2, 0x8
ASK = '{"action":"ask"}'


@pytest.mark.clause("ORDER-1")
async def test_messages_of_one_connection_are_processed_concurrently(
    start_gateway: StartGateway,
) -> None:
    all_there = asyncio.Barrier(50)

    async def handle(event: Event) -> object:
        await all_there.wait()
        return {"statusCode": 200, "body": event["body"]}

    gateway = await start_gateway(functions=RecordingFunctions(ask=handle))

    async with gateway.connect() as client:
        for _ in range(50):
            await client.send(ASK)
        answers = [await client.recv() for _ in range(50)]

    assert answers == [ASK] * 50


@pytest.mark.clause("ORDER-2")
async def test_answers_come_when_they_are_ready(main: Stage) -> None:
    async with main.connect() as client:
        await client.send(message("ask", seconds=1, **{"return": answer("slow")}))
        await client.send(message("ask", **{"return": answer("fast")}))
        received = [await client.recv() for _ in range(2)]

    assert received == ["fast", "slow"]


def answer(body: str) -> dict[str, object]:
    return {"statusCode": 200, "body": body}


@pytest.mark.clause("ORDER-3")
async def test_no_message_precedes_the_end_of_connect(start_gateway: StartGateway) -> None:
    order: list[str] = []
    asked = asyncio.Event()

    async def connect(_: Event) -> object:
        await asked.wait()
        order.append("connect returns")
        return {"statusCode": 200}

    def default(_: Event) -> object:
        order.append("message begins")
        return {"statusCode": 200}

    functions = RecordingFunctions(connect=connect, default=default)
    gateway = await start_gateway(functions=functions)
    client = await RawClient.begin(gateway, rest=frame(1, b"early"))
    await functions.next_event("connect")
    asked.set()

    await read_response(client.reader)
    await functions.next_event("default")
    await client.close()

    assert order == ["connect returns", "message begins"]


@pytest.mark.clause("ORDER-4")
async def test_disconnect_does_not_wait_for_messages(start_gateway: StartGateway) -> None:
    may_end = asyncio.Event()
    ended = asyncio.Event()

    async def handle(_: Event) -> object:
        await may_end.wait()
        ended.set()
        return {"statusCode": 200, "body": "nobody is there"}

    gateway = await start_gateway(functions=RecordingFunctions(ask=handle))
    async with gateway.connect() as client:
        await client.send(ASK)
        await gateway.functions.next_event("ask")

    await gateway.functions.next_event("disconnect")
    had_ended = ended.is_set()
    may_end.set()
    await ended.wait()

    assert not had_ended
    assert len(gateway.registry) == 0


@pytest.mark.clause("ORDER-5")
async def test_a_post_from_disconnect_is_gone(main: Stage) -> None:
    async with main.observing() as observer:
        told = {"observer": observer.connection_id, "disconnect": {"post": ["bye"]}}
        async with main.connect(told=told):
            await observer.event()
        await observer.event()
        reported = await observer.event()

    assert reported == {"statuses": [410]}


@pytest.mark.clause("ORDER-6")
async def test_posts_that_wait_for_each_other_keep_their_order(main: Stage) -> None:
    texts = [str(number) for number in range(20)]

    async with (
        main.observing() as observer,
        main.connect(told={"observer": observer.connection_id}) as client,
    ):
        await client.send(message("tell", post=texts))
        received = [await client.recv() for _ in texts]

    assert received == texts


@pytest.mark.clause("ORDER-7")
async def test_each_connection_has_one_disconnect(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=60)
    client, connection_id = await gateway.connected()

    first, second = await asyncio.gather(
        gateway.delete(connection_id), gateway.delete(connection_id)
    )
    await client.close()
    await gateway.functions.next_event("disconnect")
    async with gateway.connect():
        pass  # the barrier
    await gateway.functions.next_event("disconnect")

    assert sorted([first.status, second.status]) == [204, 410]
    assert len(gateway.functions.events("disconnect")) == 2


@pytest.mark.clause("ORDER-7")
@pytest.mark.parametrize(
    "last",
    [b"", frame(CLOSE, b"\x03\xe8"), frame(BINARY, b"x"), frame(TEXT, b"x" * (FRAME_BYTES + 1))],
    ids=["no word", "a close frame", "a binary frame", "a frame that is too large"],
)
async def test_however_a_connection_ends_there_is_one_disconnect(main: Stage, last: bytes) -> None:
    async with main.observing() as observer:
        told = {"observer": observer.connection_id}
        async with main.opened(told) as client:
            connect = await observer.event()
            client.send(last)
        disconnect = await observer.event()
        async with main.connect(told=told):
            barrier = await observer.event()

    ended, begun = disconnect["requestContext"], barrier["requestContext"]
    assert (ended["eventType"], begun["eventType"]) == ("DISCONNECT", "CONNECT")
    assert ended["connectionId"] == connect["requestContext"]["connectionId"]


@pytest.mark.clause("ORDER-8")
@pytest.mark.parametrize("told", [{"raise": "told to"}, {"return": None}])
async def test_what_disconnect_does_changes_nothing(main: Stage, told: Event) -> None:
    async with main.observing() as observer:
        async with main.connect(told={"observer": observer.connection_id, "disconnect": told}):
            connected = await observer.event()
        disconnected = await observer.event()
        connection_id = connected["requestContext"]["connectionId"]
        gone = await main.manage("GET", connection_id)

    assert disconnected["requestContext"]["connectionId"] == connection_id
    assert gone.status == 410


@pytest.mark.clause("ORDER-9")
async def test_disconnect_is_optional(stage_of: StageOf) -> None:
    stage = stage_of("open")
    async with stage.connect() as client:
        connection_id = (await ask(client))["requestContext"]["connectionId"]

    assert (await stage.manage("GET", connection_id)).status == 410


@pytest.mark.clause("ORDER-10")
async def test_a_function_that_fails_is_not_invoked_again(main: Stage) -> None:
    async with (
        main.observing() as observer,
        main.connect(told={"observer": observer.connection_id}) as client,
    ):
        await observer.event()
        await client.send(message("ask", **{"raise": "told to"}))
        await client.recv()
        failed = await observer.event()
        await ask(client)
        after = await observer.event()

    assert json.loads(failed["body"])["tell"] == {"message": {"raise": "told to"}}
    assert json.loads(after["body"]) == {"action": "ask"}


@pytest.mark.clause("ORDER-11")
async def test_a_client_that_has_vanished_can_be_posted_to(main: Stage) -> None:
    async with (
        main.observing() as observer,
        main.opened({"observer": observer.connection_id}) as client,
    ):
        context = (await observer.event())["requestContext"]
        client.transport.pause_reading()

        response = await main.manage("POST", context["connectionId"], b"are you there")

    assert response.status == 200
