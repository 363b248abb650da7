"""Handshakes, and what `$connect` decides about them: CONNECT."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from local_gateway.limits import TokenBucket
from tests.conformance.target import Stage, ask
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import Gateway, RawClient, frame, read_response, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]
    StageOf = Callable[[str], Stage]

INTERNAL_SERVER_ERROR = {"message": "Internal server error"}


async def refusal(gateway: Gateway) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as raised:
        await gateway.connect()
    return raised.value


@pytest.mark.clause("CONNECT-1")
async def test_the_upgrade_is_pending_until_connect_has_returned(
    start_gateway: StartGateway,
) -> None:
    may_return = asyncio.Event()

    async def connect(_: Event) -> object:
        await may_return.wait()
        return {"statusCode": 200}

    gateway = await start_gateway(functions=RecordingFunctions(connect=connect))
    client = await RawClient.begin(gateway)
    reading = asyncio.create_task(read_response(client.reader))
    await gateway.functions.next_event("connect")
    await gateway.get("QyUg1czHCYcCHXw=")  # a barrier: what was written before it has been sent
    was_pending = not reading.done()
    may_return.set()

    response = await reading
    await client.close()

    assert was_pending
    assert response.status == 101


@pytest.mark.clause("CONNECT-2")
async def test_without_the_route_every_handshake_is_accepted(stage_of: StageOf) -> None:
    async with stage_of("open").connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("CONNECT-3")
async def test_a_route_without_an_integration_accepts(stage_of: StageOf) -> None:
    async with stage_of("untargeted").connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("CONNECT-4")
@pytest.mark.parametrize("status", [200, 201, 204, 226, 299])
async def test_any_2xx_accepts(main: Stage, status: int) -> None:
    async with main.connect(told={"connect": {"return": {"statusCode": status}}}) as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("CONNECT-5")
@pytest.mark.parametrize("status", [300, 301, 400, 401, 403, 404, 500, 501, 503, 599])
async def test_any_other_status_is_passed_through(main: Stage, status: int) -> None:
    refused = await main.refusal(**{"return": {"statusCode": status, "body": "secret"}})

    assert refused.status == status


@pytest.mark.clause("CONNECT-6")
async def test_an_accepted_client_gets_nothing_else_that_was_returned(main: Stage) -> None:
    returned = {"statusCode": 200, "headers": {"X-Mine": "1"}, "body": "unheard"}

    async with main.connect(told={"connect": {"return": returned}}) as client:
        assert client.response is not None
        assert "X-Mine" not in client.response.headers
        first = await ask(client)

    assert first["requestContext"]["routeKey"] == "ask"


@pytest.mark.clause("CONNECT-7")
async def test_a_refused_client_gets_neither_body_nor_headers(main: Stage) -> None:
    returned = {"statusCode": 401, "headers": {"X-Mine": "1"}, "body": "secret"}

    refused = await main.refusal(**{"return": returned})

    assert refused.body == b""
    assert "x-mine" not in refused.headers


@pytest.mark.clause("CONNECT-7")
@pytest.mark.parametrize(("status", "text"), [(401, "Unauthorized"), (418, "I'm a Teapot")])
async def test_a_refused_client_may_be_told_why(
    start_gateway: StartGateway, status: int, text: str
) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": status, "body": "secret"})
    gateway = await start_gateway(functions=functions, assume={"refused-body": "message"})

    refused = await refusal(gateway)

    assert orjson.loads(refused.response.body or b"") == {"message": text}


@pytest.mark.clause("CONNECT-8")
async def test_a_function_that_fails_is_502(main: Stage) -> None:
    refused = await main.refusal(**{"raise": "told to"})

    assert (refused.status, orjson.loads(refused.body)) == (502, INTERNAL_SERVER_ERROR)


@pytest.mark.clause("CONNECT-9")
@pytest.mark.parametrize(
    "result",
    [None, {}, "ok", [], 5, {"statusCode": "abc"}, {"statusCode": 99}, {"statusCode": 600}],
    ids=repr,
)
async def test_a_result_that_is_no_proxy_response_is_502(main: Stage, result: object) -> None:
    refused = await main.refusal(**{"return": result})

    assert (refused.status, orjson.loads(refused.body)) == (502, INTERNAL_SERVER_ERROR)


@pytest.mark.clause("CONNECT-10")
@pytest.mark.parametrize("status", [100, 101, 199])
async def test_an_informational_status_is_502(main: Stage, status: int) -> None:
    refused = await main.refusal(**{"return": {"statusCode": status}})

    assert refused.status == 502


@pytest.mark.clause("CONNECT-11")
async def test_a_status_may_be_a_text(main: Stage) -> None:
    refused = await main.refusal(**{"return": {"statusCode": "409"}})

    assert refused.status == 409


@pytest.mark.clause("CONNECT-12")
async def test_a_function_that_is_not_invoked_is_500(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route("$connect", "absent"))

    refused = await refusal(gateway)

    assert refused.response.status_code == 500
    assert orjson.loads(refused.response.body or b"") == INTERNAL_SERVER_ERROR


@pytest.mark.clause("CONNECT-13")
async def test_an_integration_that_is_late_is_504(stage_of: StageOf) -> None:
    refused = await stage_of("hurried").refusal(seconds=3)

    assert refused.status == 504
    assert orjson.loads(refused.body) == {"message": "Endpoint request timed out"}


@pytest.mark.clause("CONNECT-14")
async def test_a_handshake_beyond_the_connect_rate_is_429(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(connect_rate=TokenBucket(0.001))

    async with gateway.connect():
        refused = await refusal(gateway)

    assert refused.response.status_code == 429
    assert orjson.loads(refused.response.body or b"") == {"message": "Too Many Requests"}


@pytest.mark.clause("CONNECT-15")
async def test_a_handshake_beyond_the_account_rate_is_429(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(account_rate=TokenBucket(0.001))

    async with gateway.connect():
        refused = await refusal(gateway)

    assert refused.response.status_code == 429


@pytest.mark.clause("CONNECT-16")
async def test_a_refused_client_gets_no_frame(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": 403})
    gateway = await start_gateway(functions=functions)
    client = await RawClient.begin(gateway)

    response = await read_response(client.reader)
    rest = await client.reader.read()
    await client.close()

    assert (response.status, rest) == (403, b"")


@pytest.mark.clause("CONNECT-17")
async def test_a_refused_handshake_has_no_disconnect(start_gateway: StartGateway) -> None:
    statuses = iter([403, 200])
    functions = RecordingFunctions(connect=lambda _: {"statusCode": next(statuses)})
    gateway = await start_gateway(functions=functions)

    await refusal(gateway)
    async with gateway.connect():
        pass  # the barrier: its $disconnect is the first one
    await functions.next_event("disconnect")

    refused, accepted = functions.events("connect")
    (disconnected,) = functions.events("disconnect")
    context = disconnected["requestContext"]
    assert context["connectionId"] == accepted["requestContext"]["connectionId"]
    assert context["connectionId"] != refused["requestContext"]["connectionId"]


@pytest.mark.clause("CONNECT-18")
async def test_the_expression_selects_no_route_for_a_handshake(main: Stage) -> None:
    event = await main.connect_event("?action=ask")

    assert event["requestContext"]["routeKey"] == "$connect"


@pytest.mark.clause("CONNECT-19")
async def test_the_id_of_a_connection_stays(main: Stage) -> None:
    connect, message, disconnect = await main.life()

    ids = {event["requestContext"]["connectionId"] for event in (connect, message, disconnect)}
    assert len(ids) == 1


@pytest.mark.clause("CONNECT-20")
async def test_a_post_during_connect_is_gone(main: Stage) -> None:
    async with main.observing() as observer:
        told = {"observer": observer.connection_id, "connect": {"post": ["welcome"]}}
        async with main.connect(told=told) as client:
            await observer.event()
            reported = await observer.event()
            first = await ask(client)

    assert reported == {"statuses": [410]}
    assert first["requestContext"]["routeKey"] == "ask"


@pytest.mark.clause("CONNECT-20")
@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_post_during_connect_is_explained(
    start_gateway: StartGateway, *, is_direct: bool
) -> None:
    async def connect(event: Event) -> object:
        gone = await gateway.post(event["requestContext"]["connectionId"], b"welcome")
        return {"statusCode": 200 if gone.status == 410 else 500}

    gateway = await start_gateway(
        functions=RecordingFunctions(connect=connect), is_direct=is_direct
    )

    async with gateway.connect():
        assert any("while its $connect runs" in line for line in gateway.lines)


@pytest.mark.clause("CONNECT-21")
async def test_a_client_that_leaves_meanwhile_is_disconnected(start_gateway: StartGateway) -> None:
    left = asyncio.Event()

    async def connect(_: Event) -> object:
        await left.wait()
        return {"statusCode": 200}

    functions = RecordingFunctions(connect=connect)
    gateway = await start_gateway(functions=functions)
    client = await RawClient.begin(gateway)
    await functions.next_event("connect")
    await client.close()
    await gateway.get("QyUg1czHCYcCHXw=")  # a barrier: the server has seen the end of the other
    left.set()

    event = await functions.next_event("disconnect")

    assert event["requestContext"]["disconnectStatusCode"] == 1006
    assert len(gateway.registry) == 0


@pytest.mark.clause("CONNECT-22")
async def test_what_a_hasty_client_sends_is_processed_after_the_101(
    start_gateway: StartGateway,
) -> None:
    asked = asyncio.Event()

    async def connect(_: Event) -> object:
        await asked.wait()
        return {"statusCode": 200}

    functions = RecordingFunctions(connect=connect)
    gateway = await start_gateway(functions=functions)
    client = await RawClient.begin(gateway, rest=frame(1, b"early"))
    await functions.next_event("connect")
    client.send(frame(1, b"bird"))
    await gateway.get("QyUg1czHCYcCHXw=")
    assert functions.events("default") == []
    asked.set()

    response = await read_response(client.reader)
    bodies = {(await functions.next_event("default"))["body"] for _ in range(2)}
    await client.close()

    assert response.status == 101
    assert bodies == {"early", "bird"}


@pytest.mark.clause("CONNECT-23")
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_of_any_origin_connects(main: Stage, origin: str) -> None:
    event = await main.connect_event(origin=origin)

    assert event["headers"]["Origin"] == origin
