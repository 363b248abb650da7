"""Route responses: REPLY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.conformance.target import Stage, ask, message
from tests.fakes.functions import RecordingFunctions
from tests.fakes.gateway import Gateway, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]


async def reply(stage: Stage, action: str, returned: object) -> str:
    """Return what a client gets next when a function returns something."""
    async with stage.connect() as client:
        await client.send(message(action, **{"return": returned}))
        return str(await client.recv())


async def is_silent(stage: Stage, action: str, returned: object) -> bool:
    """Tell whether a client gets nothing: the answer to its next message comes first."""
    async with (
        stage.observing() as observer,
        stage.connect(told={"observer": observer.connection_id}) as client,
    ):
        await observer.event()
        await client.send(message(action, **{"return": returned}))
        await observer.event()
        return "requestContext" in await ask(client)


@pytest.mark.clause("REPLY-1")
async def test_a_two_way_route_sends_the_body_alone(main: Stage) -> None:
    returned = {"statusCode": 200, "headers": {"X-Mine": "1"}, "body": "Session ä"}

    assert await reply(main, "ask", returned) == "Session ä"


@pytest.mark.clause("REPLY-2")
async def test_a_one_way_route_sends_nothing(main: Stage) -> None:
    assert await is_silent(main, "tell", {"statusCode": 200, "body": "unheard"})


@pytest.mark.clause("REPLY-2")
async def test_the_developer_is_told_that_a_body_goes_nowhere(
    start_gateway: StartGateway,
) -> None:
    answer = {"statusCode": 200, "body": "unheard"}
    gateway = await start_gateway(
        functions=RecordingFunctions(join=lambda _: answer, ask=lambda _: answer)
    )

    async with gateway.connect() as client:
        await client.send('{"action":"join"}')
        await gateway.functions.next_event("join")
        await client.send('{"action":"ask"}')
        await client.recv()

    assert len([line for line in gateway.lines if "RouteResponse" in line]) == 1


@pytest.mark.clause("REPLY-3")
async def test_the_expression_alone_makes_no_route_two_way(main: Stage) -> None:
    assert await is_silent(main, "expressionAlone", {"statusCode": 200, "body": "unheard"})


@pytest.mark.clause("REPLY-3")
async def test_the_route_response_alone_makes_a_route_two_way(main: Stage) -> None:
    assert await reply(main, "responseAlone", {"statusCode": 200, "body": "heard"}) == "heard"


@pytest.mark.clause("REPLY-5")
@pytest.mark.parametrize("returned", [{"statusCode": 200}, {"statusCode": 200, "body": None}])
async def test_no_body_is_answered_by_nothing(main: Stage, returned: object) -> None:
    assert await is_silent(main, "ask", returned)


@pytest.mark.clause("REPLY-6")
async def test_an_empty_body_is_answered_by_nothing(main: Stage) -> None:
    assert await is_silent(main, "ask", {"statusCode": 200, "body": ""})


@pytest.mark.clause("REPLY-6")
async def test_an_empty_body_may_be_an_empty_frame(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        functions=RecordingFunctions(ask=lambda _: {"statusCode": 200, "body": ""}),
        assume={"empty-reply": "frame"},
    )

    async with gateway.connect() as client:
        await client.send('{"action":"ask"}')
        assert await client.recv() == ""


@pytest.mark.clause("REPLY-7")
@pytest.mark.parametrize("body", [{"not": "a text"}, ["a"], 5, True], ids=repr)
async def test_a_body_that_is_no_text_is_malformed(main: Stage, body: object) -> None:
    error = await reply(main, "ask", {"statusCode": 200, "body": body})

    assert json.loads(error)["message"] == "Internal server error"


@pytest.mark.clause("REPLY-8")
@pytest.mark.parametrize("status", [200, 201, 302, 404, 500])
async def test_the_body_is_sent_whatever_the_status(main: Stage, status: int) -> None:
    assert await reply(main, "ask", {"statusCode": status, "body": "heard"}) == "heard"


@pytest.mark.clause("REPLY-8")
@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, "heard"), (299, "heard"), (300, None), (404, None), (500, None)],
)
async def test_a_body_with_another_status_may_be_replaced(
    start_gateway: StartGateway, status: int, answer: str | None
) -> None:
    gateway = await start_gateway(
        functions=RecordingFunctions(ask=lambda _: {"statusCode": status, "body": "heard"}),
        assume={"error-reply": "internal-server-error"},
    )

    async with gateway.connect() as client:
        await client.send('{"action":"ask"}')
        text = str(await client.recv())

    assert text == answer or orjson.loads(text)["message"] == "Internal server error"
    assert (text == "heard") == (answer == "heard")


@pytest.mark.clause("REPLY-9")
async def test_a_body_in_base64_is_sent_as_it_stands(main: Stage) -> None:
    returned = {"statusCode": 200, "isBase64Encoded": True, "body": "aGVsbG8="}

    assert await reply(main, "ask", returned) == "aGVsbG8="


@pytest.mark.clause("REPLY-10")
@pytest.mark.parametrize(("length", "is_sent"), [(131_072, True), (131_073, False)])
async def test_a_body_has_at_most_128_kb(main: Stage, length: int, *, is_sent: bool) -> None:
    async with main.connect() as client:
        await client.send(message("ask", fill=length))
        text = str(await client.recv())

    assert (text == "x" * length) == is_sent
    assert is_sent or json.loads(text)["message"] == "Internal server error"


@pytest.mark.clause("REPLY-11")
async def test_what_connect_returns_is_not_sent(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(
        connect=lambda _: {"statusCode": 200, "body": "unheard"},
        ask=lambda _: {"statusCode": 200, "body": "mark"},
    )
    gateway = await start_gateway(
        route("$connect", "connect", two_way=True),
        route("ask", "ask", two_way=True),
        functions=functions,
    )

    async with gateway.connect() as client:
        await client.send('{"action":"ask"}')
        assert await client.recv() == "mark"
