"""Sizes, times, pings and binary frames: LIMIT."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from local_gateway import limits
from local_gateway.limits import FRAME_BYTES, MESSAGE_BYTES
from tests.conformance.target import Stage, message
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import Gateway, RawClient, frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]

CONTINUATION, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, 10
GOING_AWAY = (1001, "Going away")


def padded(length: int) -> str:
    """Return a message of this length for a two-way route that answers with something short."""
    start = message("ask", **{"return": {"statusCode": 200, "body": "got it"}})
    return start + " " * (length - len(start))


@pytest.mark.clause("LIMIT-1")
async def test_a_frame_of_32_kb_is_accepted(main: Stage) -> None:
    async with main.connect() as client:
        await client.send(padded(FRAME_BYTES))
        assert await client.recv() == "got it"


@pytest.mark.clause("LIMIT-2")
async def test_a_larger_frame_closes_with_1009_and_its_reason(main: Stage) -> None:
    async with main.connect() as client:
        await client.send(padded(FRAME_BYTES + 1))
        with pytest.raises(ConnectionClosed) as raised:
            await client.recv()

    assert raised.value.rcvd is not None
    assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (
        1009,
        "Max frame length of 32768 has been exceeded.",
    )


@pytest.mark.clause("LIMIT-2")
async def test_the_developer_is_told_of_a_larger_frame(gateway: Gateway) -> None:
    async with gateway.connect() as client:
        await client.send("x" * (FRAME_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            await client.recv()
    await gateway.functions.next_event("disconnect")

    assert any("Max frame length" in line for line in gateway.lines)


@pytest.mark.clause("LIMIT-2")
async def test_a_message_before_a_larger_frame_is_processed(gateway: Gateway) -> None:
    client = await RawClient.open(gateway)
    client.send(frame(TEXT, b"first"), frame(TEXT, b"x" * (FRAME_BYTES + 1)))

    event = await gateway.functions.next_event("default")
    code, _ = await client.read_close()
    await client.close()

    assert event["body"] == "first"
    assert code == 1009


@pytest.mark.clause("LIMIT-3")
async def test_a_message_of_128_kb_in_fragments_is_accepted(main: Stage) -> None:
    text = padded(MESSAGE_BYTES)

    async with main.connect() as client:
        await client.send([text[at : at + FRAME_BYTES] for at in range(0, len(text), FRAME_BYTES)])
        assert await client.recv() == "got it"


@pytest.mark.clause("LIMIT-4")
async def test_a_larger_message_closes_with_1009(main: Stage) -> None:
    pieces = [b"x" * FRAME_BYTES] * 4

    async with main.opened() as client:
        client.send(frame(TEXT, pieces[0], is_final=False))
        client.send(*(frame(CONTINUATION, piece, is_final=False) for piece in pieces[1:]))
        client.send(frame(CONTINUATION, b"x"))
        assert await client.read_close() == (1009, "")


@pytest.mark.clause("LIMIT-5")
async def test_a_long_message_to_the_client_comes_in_frames_of_32_kb(main: Stage) -> None:
    async with main.opened() as client:
        client.send(frame(TEXT, message("ask", fill=2 * FRAME_BYTES + 1).encode()))
        frames = [await client.read_frame() for _ in range(3)]

    assert [(first, len(payload)) for first, payload in frames] == [
        (0x01, FRAME_BYTES),
        (0x00, FRAME_BYTES),
        (0x80, 1),
    ]


@pytest.mark.clause("LIMIT-5")
@pytest.mark.parametrize("length", [FRAME_BYTES + 1, 65_535, 65_536, MESSAGE_BYTES])
async def test_a_long_message_to_the_client_may_be_one_frame(
    start_gateway: StartGateway, length: int
) -> None:
    gateway = await start_gateway(assume={"large-message": "one-frame"})
    client = await RawClient.open(gateway)
    connection_id = (await gateway.functions.next_event("connect"))["requestContext"][
        "connectionId"
    ]

    await gateway.post(connection_id, b"x" * length)
    first, payload = await client.read_frame()
    await client.close()

    assert (first, len(payload)) == (0x81, length)


@pytest.mark.clause("LIMIT-6")
async def test_an_idle_connection_is_closed(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.1)
    client = await RawClient.open(gateway)

    closed = await client.read_close()
    await client.close()

    assert closed == GOING_AWAY
    assert limits.IDLE_TIMEOUT_SECONDS == 600


@pytest.mark.clause("LIMIT-7")
@pytest.mark.parametrize("what", ["text", "post"])
async def test_traffic_keeps_a_connection_from_idling(
    start_gateway: StartGateway, what: str
) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.6)

    assert await outlives_an_idler(gateway, what)


@pytest.mark.clause("LIMIT-8")
async def test_a_ping_keeps_a_connection_from_idling(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.6)

    assert await outlives_an_idler(gateway, "ping")


@pytest.mark.clause("LIMIT-8")
async def test_a_ping_may_not_keep_a_connection_from_idling(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.4, assume={"ping": "not-activity"})
    client = await RawClient.open(gateway)

    while (answer := (client.send(frame(PING, b"")), await client.read_frame())[1])[0] == 0x8A:
        pass
    await client.close()

    assert answer == (0x88, struct.pack("!H", 1001) + b"Going away")


async def outlives_an_idler(gateway: Gateway, what: str) -> bool:
    """Tell whether a connection that is busy until another has idled out is still up."""
    client = await RawClient.open(gateway)
    event = await gateway.functions.next_event("connect")
    connection_id = event["requestContext"]["connectionId"]
    idler = await RawClient.open(gateway)
    idle = asyncio.create_task(idler.read_close())
    while not idle.done():
        if what == "post":
            await gateway.post(connection_id, b"news")
        else:
            client.send(frame(PING, b"") if what == "ping" else frame(TEXT, b"hello"))
        await asyncio.wait({idle}, timeout=0.02)
    status = (await gateway.get(connection_id)).status
    await client.close()
    await idler.close()
    return await idle == GOING_AWAY and status == 200


@pytest.mark.clause("LIMIT-9")
async def test_the_maximum_duration_closes_however_busy(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_duration_seconds=0.3, idle_timeout_seconds=60)
    client = await RawClient.open(gateway)
    started = asyncio.get_running_loop().time()

    while (answer := (client.send(frame(PING, b"p")), await client.read_frame())[1])[0] == 0x8A:
        assert asyncio.get_running_loop().time() - started < 10
    await client.close()

    assert answer == (0x88, struct.pack("!H", 1001) + b"Going away")
    assert limits.MAX_DURATION_SECONDS == 7_200


@pytest.mark.clause("LIMIT-10")
@pytest.mark.parametrize("payload", [b"", b"are you there", bytes(range(125))])
async def test_a_ping_is_answered_with_its_payload(main: Stage, payload: bytes) -> None:
    async with main.opened() as client:
        client.send(frame(PING, payload))
        assert await client.read_frame() == (0x8A, payload)


@pytest.mark.clause("LIMIT-10")
async def test_a_ping_between_fragments_is_answered_at_once(main: Stage) -> None:
    async with main.opened() as client:
        client.send(frame(TEXT, b"he", is_final=False), frame(PING, b"p"))
        pong = await client.read_frame()
        client.send(frame(CONTINUATION, b"llo"))
        _, event = await client.read_frame()

    assert pong == (0x8A, b"p")
    assert json.loads(event)["body"] == "hello"


@pytest.mark.clause("LIMIT-11")
async def test_pings_and_pongs_reach_no_function(main: Stage) -> None:
    async with main.observing() as observer:
        async with main.opened({"observer": observer.connection_id}) as client:
            client.send(frame(PING, b"1"), frame(PONG, b"2"), frame(TEXT, b"marker"))
            kinds = [(await observer.event())["requestContext"]["eventType"] for _ in range(2)]
        kinds.append((await observer.event())["requestContext"]["eventType"])

    assert kinds == ["CONNECT", "MESSAGE", "DISCONNECT"]


@pytest.mark.clause("LIMIT-12")
async def test_the_service_sends_no_pings(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.5)
    client = await RawClient.open(gateway)

    first, _ = await client.read_frame()
    await client.close()

    assert first == 0x88


@pytest.mark.clause("LIMIT-13")
@pytest.mark.parametrize("is_final", [True, False])
async def test_a_binary_frame_closes_with_1003(main: Stage, *, is_final: bool) -> None:
    async with main.observing() as observer:
        async with main.opened({"observer": observer.connection_id}) as client:
            client.send(frame(BINARY, b"\x00\x01", is_final=is_final))
            closed = await client.read_close()
        kinds = [(await observer.event())["requestContext"]["eventType"] for _ in range(2)]

    assert closed == (1003, "")
    assert kinds == ["CONNECT", "DISCONNECT"]


@pytest.mark.clause("LIMIT-14")
async def test_messages_in_flight_are_bounded(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IN_FLIGHT_PER_CONNECTION", 3)
    may_end = asyncio.Event()
    running = most = 0

    async def handle(event: Event) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await may_end.wait()
        running -= 1
        return {"statusCode": 200, "body": event["body"]}

    functions = RecordingFunctions(ask=handle)
    gateway = await start_gateway(functions=functions)
    texts = [f'{{"action":"ask","n":{n}}}' for n in range(20)]

    client = await RawClient.open(gateway)
    client.send(*(frame(1, text.encode()) for text in texts))
    for _ in range(3):
        await functions.next_event("ask")
    may_end.set()
    answers = [(await client.read_frame())[1].decode() for _ in texts]
    client.send(frame(1, b'{"action":"ask"}'))
    last = await client.read_frame()
    await client.close()

    assert most == 3
    assert answers == texts
    assert last == (0x81, b'{"action":"ask"}')
