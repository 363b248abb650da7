"""Routes, error frames, route responses and concurrency: gateway-spec 6 to 8, 12."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway import limits
from local_gateway.limits import TokenBucket
from tests.fakes.functions import Event, Raw, RecordingFunctions
from tests.fakes.gateway import RawClient, frame, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.gateway import Gateway

    StartGateway = Callable[..., Awaitable[Gateway]]

ASK = '{"action":"ask"}'
MARKER = '{"action":"mark"}'
MARK = route("mark", "mark", two_way=True)


def mark(event: Event) -> object:
    """Answer the marker: what should have come before it did not come."""
    del event
    return {"statusCode": 200, "body": "mark"}


def echo(event: Event) -> object:
    return {"statusCode": 200, "body": event["body"]}


@pytest.mark.parametrize(
    ("expression", "text", "selected"),
    [
        ("$request.body.action", '{"action":"join"}', "join"),
        ("${request.body.action}", '{"action":"join"}', "join"),
        ("$request.body.data.items[1].kind", '{"data":{"items":[{},{"kind":"join"}]}}', "join"),
        ("${request.body.service}/${request.body.action}", '{"service":"a","action":"b"}', "a/b"),
        ("${request.body.action}-${request.body.absent}", '{"action":"join"}', "join-"),
        ("$request.body.action", '{"action":5}', "5"),
        ("$request.body.action", '{"action":true}', "true"),
        ("join", '{"action":"other"}', "join"),
    ],
)
async def test_route_is_selected_by_the_expression(
    start_gateway: StartGateway, expression: str, text: str, selected: str
) -> None:
    functions = RecordingFunctions(ask=echo)
    gateway = await start_gateway(
        route(selected, "ask", two_way=True), functions=functions, expression=expression
    )

    async with gateway.connect() as client:
        await client.send(text)
        assert await client.recv() == text


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "",
        "5",
        '"join"',
        "[]",
        "null",
        "{}",
        '{"action":null}',
        '{"action":"Join"}',
        '{"action":"join"',
        '{"action":["join"]}',
        '{"action":NaN}',
        '{"action":"$connect"}',
        '{"action":"$disconnect"}',
        '{"action":"$default"}',
        "[" * 30_000,
        '{"action":' + "9" * 5_000 + "}",
    ],
)
async def test_message_without_a_route_goes_to_default(gateway: Gateway, text: str) -> None:
    async with gateway.connect() as client:
        await gateway.functions.next_event("connect")
        await client.send(text)
        event = await gateway.functions.next_event("default")

    assert event["body"] == text
    assert event["requestContext"]["routeKey"] == "$default"
    assert len(gateway.functions.events("connect")) == 1


async def test_message_with_static_default_goes_to_default(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route("$default", "default"), route("join", "join"), expression="\\$default"
    )

    async with gateway.connect() as client:
        await client.send('{"action":"join"}')
        event = await gateway.functions.next_event("default")

    assert event["requestContext"]["routeKey"] == "$default"


@pytest.mark.parametrize("text", ["hello", '{"action":"absent"}', '{"action":"$connect"}'])
async def test_message_without_any_route_is_forbidden(
    start_gateway: StartGateway, text: str
) -> None:
    functions = RecordingFunctions(mark=mark)
    gateway = await start_gateway(route("$connect", "connect"), MARK, functions=functions)

    async with gateway.connect() as client:
        connection_id = (await functions.next_event("connect"))["requestContext"]["connectionId"]
        await client.send(text)
        error = str(await client.recv())
        await client.send(MARKER)
        after = await client.recv()

    request_id = orjson.loads(error)["requestId"]
    assert error == (
        f'{{"message": "Forbidden", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    )
    assert request_id[11] == "F"
    assert after == "mark"


@pytest.mark.parametrize("action", ["ask", "join"])
@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"body": "no status"},
        {"statusCode": 200, "body": {"not": "a string"}},
        {"statusCode": 200, "headers": "none"},
        Raw(b"not json"),
        ValueError("raised"),
    ],
    ids=repr,
)
async def test_failed_integration_is_an_internal_server_error_frame(
    start_gateway: StartGateway, result: object, action: str
) -> None:
    def handle(_: Event) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    functions = RecordingFunctions(ask=handle, join=handle)
    gateway = await start_gateway(functions=functions)

    async with gateway.connect() as client:
        await client.send(f'{{"action":"{action}"}}')
        error = str(await client.recv())
        await client.send(f'{{"action":"{action}"}}')
        again = str(await client.recv())

    context = (await functions.next_event(action))["requestContext"]
    assert error == (
        '{"message": "Internal server error", '
        f'"connectionId":"{context["connectionId"]}", "requestId":"{context["requestId"]}"}}'
    )
    assert orjson.loads(again)["message"] == "Internal server error"


async def test_function_that_is_not_invocable_is_an_internal_server_error_frame(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(route("$default", "absent"))

    async with gateway.connect() as client:
        await client.send("hello")
        error = orjson.loads(await client.recv())

    assert error["message"] == "Internal server error"


async def test_integration_timeout_is_an_endpoint_request_timed_out_frame(
    start_gateway: StartGateway,
) -> None:
    late = asyncio.Event()

    async def wait(_: Event) -> object:
        await late.wait()
        return {"statusCode": 200, "body": "too late"}

    functions = RecordingFunctions(ask=wait, mark=mark)
    gateway = await start_gateway(
        route("ask", "ask", two_way=True, timeout_ms=50), MARK, functions=functions
    )

    async with gateway.connect() as client:
        await client.send(ASK)
        error = orjson.loads(await client.recv())
        late.set()
        await client.send(MARKER)
        after = await client.recv()

    context = (await functions.next_event("ask"))["requestContext"]
    assert error == {
        "message": "Endpoint request timed out",
        "connectionId": context["connectionId"],
        "requestId": context["requestId"],
    }
    assert after == "mark"


async def test_message_beyond_the_account_rate_is_a_too_many_requests_frame(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(account_rate=TokenBucket(0.001, burst=1))

    async with gateway.connect() as client:
        await client.send("hello")
        error = orjson.loads(await client.recv())

    assert error["message"] == "Too Many Requests"


async def test_one_way_route_sends_nothing_whatever_the_function_returns(
    start_gateway: StartGateway,
) -> None:
    statuses = [200, 201, 301, 401, 501]
    results = iter(statuses)
    functions = RecordingFunctions(
        join=lambda _: {"statusCode": next(results), "body": "unheard"}, mark=mark
    )
    gateway = await start_gateway(route("join", "join"), MARK, functions=functions)

    async with gateway.connect() as client:
        for _ in statuses:
            await client.send('{"action":"join"}')
            await functions.next_event("join")
        await client.send(MARKER)
        assert await client.recv() == "mark"

    (line,) = gateway.lines
    assert line.startswith("REPLY-2 route join: ")


@pytest.mark.parametrize("status", [200, 201, 404, 500])
async def test_two_way_route_sends_the_body_whatever_the_status(
    start_gateway: StartGateway, status: int
) -> None:
    functions = RecordingFunctions(ask=lambda _: {"statusCode": status, "body": "Session ä"})
    gateway = await start_gateway(functions=functions)

    async with gateway.connect() as client:
        await client.send(ASK)
        assert await client.recv() == "Session ä"


@pytest.mark.parametrize("answer", [{}, {"body": None}, {"body": ""}])
async def test_two_way_route_without_a_body_sends_nothing(
    start_gateway: StartGateway, answer: dict[str, object]
) -> None:
    functions = RecordingFunctions(ask=lambda _: {"statusCode": 200, **answer}, mark=mark)
    gateway = await start_gateway(route("ask", "ask", two_way=True), MARK, functions=functions)

    async with gateway.connect() as client:
        await client.send(ASK)
        await functions.next_event("ask")
        await client.send(MARKER)
        assert await client.recv() == "mark"


async def test_two_way_body_over_128_kb_is_an_internal_server_error_frame(
    start_gateway: StartGateway,
) -> None:
    functions = RecordingFunctions(
        ask=lambda _: {"statusCode": 200, "body": "x" * (limits.MESSAGE_BYTES + 1)}
    )
    gateway = await start_gateway(functions=functions)

    async with gateway.connect() as client:
        await client.send(ASK)
        error = orjson.loads(await client.recv())

    assert error["message"] == "Internal server error"


async def test_route_without_an_integration_ignores_the_message(
    start_gateway: StartGateway,
) -> None:
    functions = RecordingFunctions(mark=mark)
    gateway = await start_gateway(route("idle", None), MARK, functions=functions)

    async with gateway.connect() as client:
        await client.send('{"action":"idle"}')
        await client.send(MARKER)
        assert await client.recv() == "mark"


async def test_messages_of_one_connection_are_processed_concurrently(
    start_gateway: StartGateway,
) -> None:
    first_may_end = asyncio.Event()

    async def ask(event: Event) -> object:
        if event["body"] == ASK:
            await first_may_end.wait()
        return {"statusCode": 200, "body": event["body"]}

    gateway = await start_gateway(functions=RecordingFunctions(ask=ask))

    async with gateway.connect() as client:
        await client.send(ASK)
        await client.send(ASK + " ")
        faster = await client.recv()
        first_may_end.set()
        slower = await client.recv()

    assert (faster, slower) == (ASK + " ", ASK)


async def test_messages_in_flight_are_bounded(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IN_FLIGHT_PER_CONNECTION", 3)
    may_end = asyncio.Event()
    running = most = 0

    async def ask(event: Event) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await may_end.wait()
        running -= 1
        return {"statusCode": 200, "body": event["body"]}

    functions = RecordingFunctions(ask=ask)
    gateway = await start_gateway(functions=functions)
    texts = [f'{{"action":"ask","n":{n}}}' for n in range(20)]

    client = await RawClient.open(gateway)
    client.send(*(frame(1, text.encode()) for text in texts))
    for _ in range(3):
        await functions.next_event("ask")
    may_end.set()
    answers = [(await client.read_frame())[1].decode() for _ in texts]
    client.send(frame(1, ASK.encode()))
    last = await client.read_frame()
    await client.close()

    assert most == 3
    assert answers == texts
    assert last == (0x81, ASK.encode())
