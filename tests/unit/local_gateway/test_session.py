"""What the front keeps and lets go of; what clients see of it is in tests/conformance."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from local_gateway import limits
from local_gateway.connection import Connection
from local_gateway.errors import TemplateError
from local_gateway.event import Caller, write_identity
from local_gateway.integration import Call
from local_gateway.registry import Registry
from local_gateway.session import WebSocketFront
from local_gateway.wire import Wire
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import RawClient, application, frame, route, websocket_api
from tests.fakes.transport import RecordingTransport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.gateway import Gateway

    StartGateway = Callable[..., Awaitable[Gateway]]


def test_expression_that_is_not_understood_fails_at_start_up() -> None:
    served = application(websocket_api(expression="$context.stage"))

    with pytest.raises(TemplateError):
        WebSocketFront(served, RecordingFunctions(), Registry())


async def test_open_connection_is_registered_until_it_ends(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()
    await gateway.get(connection_id)
    stage = gateway.api.stages["dev"]

    found = gateway.registry.find(gateway.api, stage, connection_id)
    await client.close()
    await gateway.functions.next_event("disconnect")

    assert found is not None
    assert gateway.registry.find(gateway.api, stage, connection_id) is None


async def test_ended_connection_leaves_nothing_behind(gateway: Gateway) -> None:
    for _ in range(20):
        async with gateway.connect() as client:
            await client.send('{"action":"ask"}')
            await gateway.functions.next_event("ask")
        await gateway.functions.next_event("disconnect")
    await gateway.server.stop()
    await gateway.front.close()

    assert len(gateway.registry) == 0
    assert len(gateway.front.wheel) == 0
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Connection | Call)]


async def test_a_thousand_clients_that_vanish_leave_no_task_and_no_deadline(
    gateway: Gateway,
) -> None:
    async def come_and_vanish() -> None:
        client = await RawClient.open(gateway)
        client.send(frame(1, b'{"action":"ask"}'))
        client.transport.abort()
        await gateway.functions.next_event("disconnect")

    await come_and_vanish()
    tasks = len(asyncio.all_tasks())

    for _ in range(20):
        await asyncio.gather(*(come_and_vanish() for _ in range(50)))

    await gateway.server.stop()
    await gateway.front.close()
    assert len(asyncio.all_tasks()) <= tasks
    assert (len(gateway.registry), len(gateway.front.wheel)) == (0, 0)
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Connection | Call | Wire)]


async def test_open_connection_keeps_nothing_of_its_handshake(gateway: Gateway) -> None:
    gc.collect()
    gc.disable()  # what goes must go by itself: the collector may come by much later
    try:
        client, _ = await gateway.connected()
        await (await client.ping())
        kept = {type(each).__name__ for each in gc.get_objects()}
    finally:
        gc.enable()

    assert "Wire" in kept
    assert kept.isdisjoint({"Upgrade", "HttpProtocol", "RequestResponseCycle"})
    await client.close()


async def test_connection_with_too_many_in_flight_is_not_read_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "IN_FLIGHT_PER_CONNECTION", 2)
    may_end = asyncio.Event()

    async def wait(_: Event) -> object:
        await may_end.wait()
        return {"statusCode": 200}

    api = websocket_api(route("$default", "default"))
    functions = RecordingFunctions(default=wait)
    front = WebSocketFront(application(api), functions, Registry())
    deployment = front.deployment(api, api.stages["dev"])
    caller = Caller("QyUg1czHCYcCHXw=", 0, write_identity("192.0.2.40", None))
    transport = RecordingTransport()
    wire = Wire(transport, Connection(front, deployment, caller), lambda _: None)

    reading = [transport.is_reading_now]
    for _ in range(4):
        wire.data_received(frame(1, b"hello"))
        reading.append(transport.is_reading_now)
    may_end.set()
    for _ in range(4):
        await functions.next_event("default")
    await front.close()

    assert reading == [True, True, True, False, False]
    assert transport.is_reading_now


async def test_close_leaves_what_does_not_end_to_those_who_run_it(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_gateway.session._CLOSE_SECONDS", 0.05)
    ended = asyncio.Event()

    async def hang(_: Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    gateway = await start_gateway(functions=RecordingFunctions(ask=hang))
    client = await RawClient.open(gateway)
    client.send(frame(1, b'{"action":"ask"}'))
    await gateway.functions.next_event("ask")

    await gateway.server.stop()
    await gateway.front.close()
    await client.close()

    assert not ended.is_set()


async def test_close_waits_for_disconnects(start_gateway: StartGateway) -> None:
    ended: list[str] = []

    async def disconnect(event: Event) -> object:
        await asyncio.sleep(0)
        ended.append(event["requestContext"]["connectionId"])
        return {"statusCode": 200}

    gateway = await start_gateway(functions=RecordingFunctions(disconnect=disconnect))
    clients = [await gateway.connect() for _ in range(10)]

    await gateway.server.stop()
    await gateway.front.close()

    assert len(ended) == 10
    for client in clients:
        await client.close()


async def test_late_result_of_connect_is_nobodys_problem(start_gateway: StartGateway) -> None:
    late = asyncio.Event()

    async def connect(_: Event) -> object:
        await late.wait()
        raise ValueError

    gateway = await start_gateway(
        route("$connect", "connect", timeout_ms=50), functions=RecordingFunctions(connect=connect)
    )
    client = await RawClient.begin(gateway)
    status = await client.reader.readline()
    late.set()
    await gateway.front.close()
    gc.collect()  # an exception that nobody retrieved would be reported here
    await client.close()

    assert status.startswith(b"HTTP/1.1 504 ")
