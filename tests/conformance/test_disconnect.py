"""How connections end, and what `$disconnect` says of it: gateway-spec 4.3, 11.2, 11.3, 12."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import RawClient, frame, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.gateway import Gateway

    StartGateway = Callable[..., Awaitable[Gateway]]

CLOSE, PING, TEXT = 8, 9, 1


async def disconnected(gateway: Gateway) -> tuple[int, str]:
    context = (await gateway.functions.next_event("disconnect"))["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", 1005, "Client-side close frame status not set"),
        (struct.pack("!H", 1000), 1000, ""),
        (struct.pack("!H", 1001), 1001, ""),
        (struct.pack("!H", 4001) + b"done", 4001, "done"),
    ],
)
async def test_client_close_says_its_code_and_reason(
    gateway: Gateway, payload: bytes, code: int, reason: str
) -> None:
    client = await RawClient.open(gateway)
    client.send(frame(CLOSE, payload))

    assert await client.read_frame() == (0x88, payload)  # echoed (RFC 6455, 5.5.1)
    assert await client.reader.read() == b""
    assert await disconnected(gateway) == (code, reason)
    await client.close()


async def test_end_without_a_close_frame_is_1006(gateway: Gateway) -> None:
    client = await RawClient.open(gateway)
    await client.close()

    assert await disconnected(gateway) == (1006, "")


async def test_reset_is_1006(gateway: Gateway) -> None:
    client = await RawClient.open(gateway)
    linger = struct.pack("ii", 1, 0)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.transport.abort()

    assert await disconnected(gateway) == (1006, "")


async def test_delete_closes_1000_and_disconnects(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    deleted = await gateway.delete(connection_id)
    with pytest.raises(ConnectionClosed) as raised:
        await client.recv()

    assert deleted.status == 204
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1000
    assert await disconnected(gateway) == (1000, "Connection Closed Normally")


async def test_idle_connection_closes_1001_going_away(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.1)

    async with gateway.connect() as client:
        with pytest.raises(ConnectionClosed) as raised:
            await client.recv()

    assert raised.value.rcvd is not None
    assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (1001, "Going away")
    assert await disconnected(gateway) == (1001, "Going away")


async def test_maximum_duration_closes_1001_however_busy(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_duration_seconds=0.3, idle_timeout_seconds=60)
    client = await RawClient.open(gateway)
    started = asyncio.get_running_loop().time()

    while (answer := (client.send(frame(PING, b"p")), await client.read_frame())[1])[0] == 0x8A:
        assert asyncio.get_running_loop().time() - started < 10
    await client.close()

    assert answer == (0x88, struct.pack("!H", 1001) + b"Going away")
    assert await disconnected(gateway) == (1001, "Going away")


@pytest.mark.parametrize("what", ["ping", "text", "post"])
async def test_traffic_keeps_a_connection_from_idling(
    start_gateway: StartGateway, what: str
) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.6)
    client = await RawClient.open(gateway)
    event = await gateway.functions.next_event("connect")
    connection_id = event["requestContext"]["connectionId"]
    idler = await RawClient.open(gateway)
    idle = asyncio.create_task(idler.read_close())

    # Whenever another connection has idled out, this one, which was busy until then, is still up.
    while not idle.done():
        if what == "post":
            assert (await gateway.post(connection_id, b"news")).status == 200
        else:
            client.send(frame(PING, b"") if what == "ping" else frame(TEXT, b"hello"))
        await asyncio.wait({idle}, timeout=0.02)
    status = (await gateway.get(connection_id)).status
    await client.close()
    await idler.close()

    assert await idle == (1001, "Going away")
    assert status == 200


async def test_each_established_connection_has_one_disconnect(
    start_gateway: StartGateway,
) -> None:
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


async def test_disconnect_failure_is_nobodys_business(start_gateway: StartGateway) -> None:
    def fail(event: Event) -> object:
        raise ValueError(event["requestContext"]["eventType"])

    gateway = await start_gateway(functions=RecordingFunctions(disconnect=fail))

    async with gateway.connect():
        pass
    await gateway.functions.next_event("disconnect")

    assert len(gateway.registry) == 0


async def test_disconnect_route_is_optional(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route("$connect", "connect"))

    client, connection_id = await gateway.connected()
    await client.close()

    assert (await gateway.post(connection_id, b"x")).status == 410


async def test_post_from_disconnect_is_gone(start_gateway: StartGateway) -> None:
    statuses: list[int] = []

    async def disconnect(event: Event) -> object:
        gone = await gateway.post(event["requestContext"]["connectionId"], b"bye")
        statuses.append(gone.status)
        posted.set()
        return {"statusCode": 200}

    posted = asyncio.Event()
    gateway = await start_gateway(functions=RecordingFunctions(disconnect=disconnect))

    async with gateway.connect():
        pass
    await posted.wait()

    assert statuses == [410]


async def test_message_still_running_outlives_its_connection(start_gateway: StartGateway) -> None:
    may_end = asyncio.Event()
    ended = asyncio.Event()

    async def ask(_: Event) -> object:
        await may_end.wait()
        ended.set()
        return {"statusCode": 200, "body": "nobody is there"}

    gateway = await start_gateway(functions=RecordingFunctions(ask=ask))
    async with gateway.connect() as client:
        await client.send('{"action":"ask"}')
        await gateway.functions.next_event("ask")
    await gateway.functions.next_event("disconnect")
    may_end.set()
    await ended.wait()

    assert len(gateway.registry) == 0


async def test_stopping_server_closes_1001_and_disconnects(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    client, _ = await gateway.connected()

    stop = asyncio.create_task(gateway.server.stop())
    with pytest.raises(ConnectionClosed) as raised:
        await client.recv()
    await stop

    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1001
    assert await disconnected(gateway) == (1001, "Going away")
