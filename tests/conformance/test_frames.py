"""Limits, ping, binary and close codes: gateway-spec 11."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from local_gateway.limits import FRAME_BYTES, MESSAGE_BYTES
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import RawClient, frame, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.gateway import Gateway

    StartGateway = Callable[..., Awaitable[Gateway]]

TEXT, CONTINUATION, BINARY, CLOSE, PING, PONG = 1, 0, 2, 8, 9, 10


def echo(event: Event) -> object:
    return {"statusCode": 200, "body": event["body"]}


@pytest.fixture
async def echoing(start_gateway: StartGateway) -> Gateway:
    return await start_gateway(
        route("$connect", "connect"),
        route("$disconnect", "disconnect"),
        route("$default", "ask", two_way=True),
        functions=RecordingFunctions(ask=echo),
    )


async def disconnected(gateway: Gateway) -> tuple[int, str]:
    context = (await gateway.functions.next_event("disconnect"))["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


async def test_frame_of_32_kb_is_accepted(echoing: Gateway) -> None:
    text = "x" * FRAME_BYTES

    async with echoing.connect() as client:
        await client.send(text)
        assert await client.recv() == text


async def test_frame_over_32_kb_closes_1009_with_its_reason(echoing: Gateway) -> None:
    async with echoing.connect() as client:
        await client.send("x" * (FRAME_BYTES + 1))
        with pytest.raises(ConnectionClosed) as raised:
            await client.recv()

    reason = "Max frame length of 32768 has been exceeded."
    assert raised.value.rcvd is not None
    assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (1009, reason)
    assert await disconnected(echoing) == (1009, reason)
    assert any(reason in line for line in echoing.lines)


async def test_frame_far_over_32_kb_closes_1009_and_not_by_reset(echoing: Gateway) -> None:
    async with echoing.connect() as client:
        await client.send("x" * 5_000_000)
        with pytest.raises(ConnectionClosed) as raised:
            await client.recv()

    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1009


async def test_message_before_a_frame_over_32_kb_is_processed(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    client.send(frame(TEXT, b"first"), frame(TEXT, b"x" * (FRAME_BYTES + 1)))

    event = await echoing.functions.next_event("ask")
    code, _ = await client.read_close()
    await client.close()

    assert event["body"] == "first"
    assert code == 1009


async def test_message_of_128_kb_in_fragments_is_accepted(echoing: Gateway) -> None:
    fragments = ["x" * FRAME_BYTES] * 4

    async with echoing.connect() as client:
        await client.send(fragments)
        assert await client.recv() == "x" * MESSAGE_BYTES


async def test_message_over_128_kb_closes_1009_without_a_reason(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    pieces = [b"x" * FRAME_BYTES] * 4
    client.send(frame(TEXT, pieces[0], is_final=False))
    client.send(*(frame(CONTINUATION, piece, is_final=False) for piece in pieces[1:]))
    client.send(frame(CONTINUATION, b"x"))

    assert await client.read_close() == (1009, "")
    assert await disconnected(echoing) == (1009, "")
    await client.close()


async def test_message_over_32_kb_to_the_client_is_fragmented(echoing: Gateway) -> None:
    async with echoing.connect() as client:
        await client.send(["x" * FRAME_BYTES, "y" * FRAME_BYTES, "z"])
        fragments = [fragment async for fragment in client.recv_streaming()]

    assert [len(fragment) for fragment in fragments] == [FRAME_BYTES, FRAME_BYTES, 1]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535 // 2, FRAME_BYTES])
async def test_text_of_every_length_form_passes(echoing: Gateway, size: int) -> None:
    client = await RawClient.open(echoing)
    client.send(frame(TEXT, b"x" * size), frame(PING, b""))
    ping = await client.read_frame()
    assert ping == (0x8A, b"")
    if size:
        assert await client.read_frame() == (0x81, b"x" * size)
    await client.close()


async def test_frames_that_arrive_byte_by_byte_are_understood(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    texts = [b"one", b"x" * 200, b"three"]

    for text in texts:
        for byte in frame(TEXT, text):
            client.send(bytes([byte]))
            await client.writer.drain()
    answers = [await client.read_frame() for _ in texts]
    client.send(frame(TEXT, b"four"))
    answers.append(await client.read_frame())
    await client.close()

    assert answers == [(0x81, text) for text in (*texts, b"four")]


async def test_ping_is_answered_with_its_payload(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    client.send(frame(PING, b"are you there"))

    assert await client.read_frame() == (0x8A, b"are you there")
    await client.close()


async def test_ping_and_pong_reach_no_function(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    client.send(frame(PING, b"1"), frame(PONG, b"2"), frame(TEXT, b"marker"))
    await client.read_frame()

    assert await client.read_frame() == (0x81, b"marker")
    assert [event["body"] for event in echoing.functions.events("ask")] == ["marker"]
    await client.close()


@pytest.mark.parametrize("is_final", [True, False])
async def test_binary_frame_closes_1003(echoing: Gateway, *, is_final: bool) -> None:
    client = await RawClient.open(echoing)
    client.send(frame(BINARY, b"\x00\x01", is_final=is_final))

    assert await client.read_close() == (1003, "")
    assert await disconnected(echoing) == (1003, "")
    client.send(frame(CLOSE, struct.pack("!H", 1003)))
    assert await client.reader.read() == b""
    await client.close()
    assert echoing.functions.events("ask") == []


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(TEXT, b"unmasked", has_mask=False), 1002),
        (frame(0x40 | TEXT, b"reserved bit"), 1002),
        (frame(CONTINUATION, b"of nothing"), 1002),
        (frame(3, b"unknown opcode"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xc3", is_final=False) + frame(CONTINUATION, b"x"), 1007),
    ],
)
async def test_protocol_errors_close_as_the_rfc_says(
    echoing: Gateway, frames: bytes, code: int
) -> None:
    client = await RawClient.open(echoing)
    client.send(frames, frame(TEXT, b"after it, nothing is read"))

    assert (await client.read_close())[0] == code
    assert (await disconnected(echoing))[0] == code
    await client.close()
    assert echoing.functions.events("ask") == []


async def test_character_split_over_fragments_is_one(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    euro = "€".encode()
    client.send(frame(TEXT, euro[:1], is_final=False), frame(CONTINUATION, euro[1:]))

    assert await client.read_frame() == (0x81, euro)
    await client.close()


async def test_ping_between_fragments_is_answered_at_once(echoing: Gateway) -> None:
    client = await RawClient.open(echoing)
    client.send(frame(TEXT, b"a", is_final=False), frame(PING, b"p"), frame(CONTINUATION, b"b"))

    assert await client.read_frame() == (0x8A, b"p")
    assert await client.read_frame() == (0x81, b"ab")
    await client.close()
