"""What the service itself says to a client: FRAME."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.limits import TokenBucket
from tests.conformance.target import Stage, ask, message
from tests.fakes.functions import Event, Raw, RecordingFunctions
from tests.fakes.gateway import Gateway, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]
    StageOf = Callable[[str], Stage]

ASK = '{"action":"ask"}'
MARKER = '{"action":"mark"}'
MARK = route("mark", "mark", two_way=True)


def mark(event: Event) -> object:
    """Answer the marker: what should have come before it did not come."""
    del event
    return {"statusCode": 200, "body": "mark"}


@pytest.mark.clause("FRAME-1")
async def test_an_error_is_these_bytes(stage_of: StageOf) -> None:
    async with stage_of("open").connect() as client:
        connection_id = (await ask(client))["requestContext"]["connectionId"]
        await client.send("hello")
        error = str(await client.recv())

    request_id = json.loads(error)["requestId"]
    assert error == (
        f'{{"message": "Forbidden", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    )
    assert request_id[11] == "F"


@pytest.mark.clause("FRAME-2")
@pytest.mark.parametrize("text", ["hello", "", '{"action":"absent"}', '{"action":"$connect"}'])
async def test_a_message_without_a_route_is_forbidden(stage_of: StageOf, text: str) -> None:
    async with stage_of("open").connect() as client:
        await client.send(text)
        error = json.loads(await client.recv())

    assert error["message"] == "Forbidden"


@pytest.mark.clause("FRAME-3")
@pytest.mark.parametrize("action", ["ask", "tell"])
async def test_a_function_that_fails_is_an_internal_server_error(main: Stage, action: str) -> None:
    async with main.connect() as client:
        await client.send(message(action, **{"raise": "told to"}))
        error = json.loads(await client.recv())

    assert error["message"] == "Internal server error"


@pytest.mark.clause("FRAME-4")
@pytest.mark.parametrize("action", ["ask", "tell"])
@pytest.mark.parametrize(
    "result",
    [None, {}, [], "ok", {"body": "no status"}, {"statusCode": "x"}, {"statusCode": 99}],
    ids=repr,
)
async def test_a_result_that_is_no_proxy_response_is_an_internal_server_error(
    main: Stage, result: object, action: str
) -> None:
    async with main.connect() as client:
        await client.send(message(action, **{"return": result}))
        error = json.loads(await client.recv())

    assert error["message"] == "Internal server error"


@pytest.mark.clause("FRAME-4")
@pytest.mark.parametrize("action", ["ask", "join"])
async def test_a_result_that_is_not_json_is_an_internal_server_error(
    start_gateway: StartGateway, action: str
) -> None:
    def handle(_: Event) -> object:
        return Raw(b"not json")

    gateway = await start_gateway(functions=RecordingFunctions(ask=handle, join=handle))

    async with gateway.connect() as client:
        await client.send(f'{{"action":"{action}"}}')
        error = orjson.loads(await client.recv())

    assert error["message"] == "Internal server error"


@pytest.mark.clause("FRAME-5")
async def test_a_function_that_is_not_invoked_is_an_internal_server_error(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(route("$default", "absent"))

    async with gateway.connect() as client:
        await client.send("hello")
        error = orjson.loads(await client.recv())

    assert error["message"] == "Internal server error"


@pytest.mark.clause("FRAME-6")
async def test_an_integration_that_is_late_is_a_timeout(main: Stage) -> None:
    async with main.connect() as client:
        await client.send(message("hurry", seconds=3))
        error = json.loads(await client.recv())

    assert error["message"] == "Endpoint request timed out"


@pytest.mark.clause("FRAME-6")
@pytest.mark.parametrize(
    ("assume", "text"),
    [
        ({}, "Endpoint request timed out"),
        ({"timeout-frame": "internal-server-error"}, "Internal server error"),
    ],
)
async def test_a_late_answer_is_not_sent(
    start_gateway: StartGateway, assume: dict[str, str], text: str
) -> None:
    late = asyncio.Event()

    async def wait(_: Event) -> object:
        await late.wait()
        return {"statusCode": 200, "body": "too late"}

    functions = RecordingFunctions(ask=wait, mark=mark)
    gateway = await start_gateway(
        route("ask", "ask", two_way=True, timeout_ms=50), MARK, functions=functions, assume=assume
    )

    async with gateway.connect() as client:
        await client.send(ASK)
        error = orjson.loads(await client.recv())
        late.set()
        await client.send(MARKER)
        after = await client.recv()

    assert error["message"] == text
    assert after == "mark"


@pytest.mark.clause("FRAME-7")
async def test_a_message_beyond_the_account_rate_is_one_too_many(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(account_rate=TokenBucket(0.001, burst=1))

    async with gateway.connect() as client:
        await client.send("hello")
        error = orjson.loads(await client.recv())

    assert error["message"] == "Too Many Requests"


@pytest.mark.clause("FRAME-8")
@pytest.mark.parametrize("wrong", [{"raise": "told to"}, {"return": None}])
async def test_the_connection_stays_open(main: Stage, wrong: Event) -> None:
    async with main.connect() as client:
        await client.send(message("ask", **wrong))
        await client.recv()
        after = await ask(client)

    assert after["requestContext"]["routeKey"] == "ask"


@pytest.mark.clause("FRAME-9")
async def test_the_request_id_is_that_of_the_event(main: Stage) -> None:
    async with main.observing() as observer:
        told = {"observer": observer.connection_id}
        async with main.connect(told=told) as client:
            await observer.event()
            await client.send(message("ask", **{"raise": "told to"}))
            error = json.loads(await client.recv())
            event = await observer.event()

    context = event["requestContext"]
    assert error["requestId"] == context["requestId"]
    assert error["connectionId"] == context["connectionId"]


@pytest.mark.clause("FRAME-10")
async def test_a_one_way_route_answers_nothing_whatever_the_status(main: Stage) -> None:
    async with main.observing() as observer:
        told = {"observer": observer.connection_id}
        async with main.connect(told=told) as client:
            await observer.event()
            for status in (200, 201, 301, 401, 501):
                await client.send(message("tell", **{"return": {"statusCode": status}}))
                await observer.event()
            after = await ask(client)

    assert after["requestContext"]["routeKey"] == "ask"
