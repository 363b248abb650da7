"""How connections end, and what `$disconnect` says of it: CLOSE."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from local_gateway.limits import FRAME_BYTES
from tests.conformance.target import Stage, message
from tests.fakes.gateway import Gateway, RawClient, frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conformance.target import Observer

    StartGateway = Callable[..., Awaitable[Gateway]]

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
DELETED = (1000, "Connection Closed Normally")


async def disconnected(observer: Observer) -> tuple[int, str]:
    """Return what `$disconnect` says, the next event that is one."""
    while (context := (await observer.event())["requestContext"])["eventType"] != "DISCONNECT":
        pass
    return context["disconnectStatusCode"], context["disconnectReason"]


async def disconnected_here(gateway: Gateway) -> tuple[int, str]:
    context = (await gateway.functions.next_event("disconnect"))["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


async def after_sending(stage: Stage, *frames: bytes) -> tuple[int, str]:
    """Return what `$disconnect` says after a client has sent frames, and seen the close."""
    async with stage.observing() as observer:
        async with stage.opened({"observer": observer.connection_id}) as client:
            client.send(*frames)
            await client.read_close()
        return await disconnected(observer)


@pytest.mark.clause("CLOSE-1")
async def test_a_close_without_a_status_is_1005(main: Stage) -> None:
    async with main.observing() as observer:
        async with main.opened({"observer": observer.connection_id}) as client:
            client.send(frame(CLOSE, b""))
            await client.read_frame()
        said = await disconnected(observer)

    assert said == (1005, "Client-side close frame status not set")


@pytest.mark.clause("CLOSE-2")
@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, ""), (1000, "bye"), (3000, "ä"), (4999, "x" * 123)]
)
async def test_a_clients_status_and_reason_are_told(main: Stage, code: int, reason: str) -> None:
    said = await after_sending(main, frame(CLOSE, struct.pack("!H", code) + reason.encode()))

    assert said == (code, reason)


@pytest.mark.clause("CLOSE-3")
@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000), struct.pack("!H", 4001) + b"x"])
async def test_a_close_is_echoed_and_the_connection_ends(main: Stage, payload: bytes) -> None:
    async with main.opened() as client:
        client.send(frame(CLOSE, payload))

        assert await client.read_frame() == (0x88, payload)
        assert await client.reader.read() == b""


@pytest.mark.clause("CLOSE-3")
@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000), struct.pack("!H", 4001) + b"x"])
async def test_a_close_within_a_message_is_echoed_too(main: Stage, payload: bytes) -> None:
    async with main.opened() as client:
        client.send(frame(TEXT, b"half", is_final=False), frame(CLOSE, payload))

        assert await client.read_frame() == (0x88, payload)
        assert await client.reader.read() == b""


@pytest.mark.clause("CLOSE-4")
async def test_an_idle_connection_is_told_1001(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.1)
    client = await RawClient.open(gateway)

    said = await disconnected_here(gateway)
    await client.close()

    assert said == (1001, "Going away")


@pytest.mark.clause("CLOSE-5")
async def test_the_maximum_duration_is_told_as_1001(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_duration_seconds=0.1)
    client = await RawClient.open(gateway)

    said = await disconnected_here(gateway)
    await client.close()

    assert said == (1001, "Going away")


@pytest.mark.clause("CLOSE-6")
async def test_a_deletion_is_told_as_1000(main: Stage) -> None:
    async with (
        main.observing() as observer,
        main.connect(told={"observer": observer.connection_id}),
    ):
        context = (await observer.event())["requestContext"]
        await main.manage("DELETE", context["connectionId"])
        said = await disconnected(observer)

    assert said == DELETED


@pytest.mark.clause("CLOSE-7")
async def test_a_deletion_closes_with_1000(main: Stage) -> None:
    client, connection_id = await main.connected()

    await main.manage("DELETE", connection_id)
    with pytest.raises(ConnectionClosed) as raised:
        await client.recv()

    assert raised.value.rcvd is not None
    assert (raised.value.rcvd.code, raised.value.rcvd.reason) == DELETED


@pytest.mark.clause("CLOSE-8")
async def test_an_end_without_a_close_frame_is_1006(main: Stage) -> None:
    async with main.observing() as observer:
        async with main.opened({"observer": observer.connection_id}):
            pass  # its socket is closed without a word
        said = await disconnected(observer)

    assert said == (1006, "")


@pytest.mark.clause("CLOSE-8")
async def test_a_reset_is_1006(gateway: Gateway) -> None:
    client = await RawClient.open(gateway)
    linger = struct.pack("ii", 1, 0)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.transport.abort()

    assert await disconnected_here(gateway) == (1006, "")


@pytest.mark.clause("CLOSE-9")
async def test_a_frame_that_is_too_large_is_told_as_1009(main: Stage) -> None:
    said = await after_sending(main, frame(TEXT, b"x" * (FRAME_BYTES + 1)))

    assert said == (1009, "Max frame length of 32768 has been exceeded.")


@pytest.mark.clause("CLOSE-10")
async def test_a_binary_frame_is_told_as_1003(main: Stage) -> None:
    said = await after_sending(main, frame(BINARY, b"\x00"))

    assert said == (1003, "")


@pytest.mark.clause("CLOSE-11")
@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(TEXT, b"unmasked", has_mask=False), 1002),
        (frame(0x40 | TEXT, b"reserved bit"), 1002),
        (frame(CONTINUATION, b"of nothing"), 1002),
        (frame(3, b"unknown opcode"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", is_final=False), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, struct.pack("!H", 1005)), 1002),
        (frame(TEXT, b"a", is_final=False) + frame(TEXT, b"b"), 1002),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xc3", is_final=False) + frame(CONTINUATION, b"x"), 1007),
    ],
)
async def test_a_client_that_breaks_the_protocol_is_closed(
    main: Stage, frames: bytes, code: int
) -> None:
    async with main.observing() as observer:
        async with main.opened({"observer": observer.connection_id}) as client:
            client.send(frames)
            closed, _ = await client.read_close()
        said, _ = await disconnected(observer)

    assert (closed, said) == (code, code)


@pytest.mark.clause("CLOSE-12")
@pytest.mark.parametrize("told", [{"raise": "told to"}, {"return": None}, {"seconds": 2}])
async def test_no_integration_closes_a_connection(main: Stage, told: dict[str, object]) -> None:
    async with main.opened() as client:
        client.send(frame(TEXT, message("hurry", **told).encode()))
        error = await client.read_frame()
        client.send(frame(PING, b"still there?"))
        pong = await client.read_frame()

    assert error[0] == 0x81
    assert "message" in json.loads(error[1])
    assert pong == (0x8A, b"still there?")


@pytest.mark.clause("CLOSE-13")
@pytest.mark.parametrize(
    "first", [frame(CLOSE, b""), frame(BINARY, b"\x00"), frame(3, b"unknown opcode")]
)
async def test_what_follows_a_close_is_not_processed(gateway: Gateway, first: bytes) -> None:
    client = await RawClient.open(gateway)

    client.send(first, frame(TEXT, b"after it"))
    await disconnected_here(gateway)
    await client.close()

    assert gateway.functions.events("default") == []


@pytest.mark.clause("CLOSE-14")
async def test_the_close_reaches_a_client_that_is_still_sending(main: Stage) -> None:
    async with main.connect() as client:
        await client.send("x" * 5_000_000)
        with pytest.raises(ConnectionClosed) as raised:
            await client.recv()

    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1009


@pytest.mark.clause("CLOSE-15")
async def test_a_stopping_gateway_closes_with_1001(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    client, _ = await gateway.connected()

    stopping = asyncio.create_task(gateway.server.stop())
    with pytest.raises(ConnectionClosed) as raised:
        await client.recv()
    await stopping

    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1001
    assert await disconnected_here(gateway) == (1001, "Going away")
