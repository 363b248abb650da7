"""Handshakes: gateway-spec 1 to 3."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from local_gateway.limits import TokenBucket
from tests.fakes.functions import Event, Raw, RecordingFunctions
from tests.fakes.gateway import Gateway, RawClient, frame, read_response, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]


async def refusal(gateway: Gateway) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as raised:
        await gateway.connect()
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 204, 226, 299])
async def test_connect_2xx_is_accepted(start_gateway: StartGateway, status: int) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": status})
    gateway = await start_gateway(functions=functions)

    async with gateway.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 501, 503])
async def test_connect_non_2xx_is_passed_through(start_gateway: StartGateway, status: int) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": status, "body": "secret"})
    gateway = await start_gateway(functions=functions)

    refused = await refusal(gateway)

    assert (refused.response.status_code, refused.response.body) == (status, b"")


async def test_connect_headers_but_the_subprotocol_are_not_forwarded(
    start_gateway: StartGateway,
) -> None:
    answer = {"statusCode": 200, "headers": {"X-Mine": "1", "sec-websocket-protocol": "chat"}}
    gateway = await start_gateway(functions=RecordingFunctions(connect=lambda _: answer))

    async with gateway.connect(subprotocols=["chat", "other"]) as client:
        assert client.response is not None
        assert sorted(name.lower() for name in client.response.headers) == [
            "connection",
            "sec-websocket-accept",
            "sec-websocket-protocol",
            "upgrade",
        ]
        assert client.subprotocol == "chat"


async def test_connect_function_error_is_502(start_gateway: StartGateway) -> None:
    def fail(event: Event) -> None:
        raise ValueError(event["requestContext"]["routeKey"])

    gateway = await start_gateway(functions=RecordingFunctions(connect=fail))

    refused = await refusal(gateway)

    assert refused.response.status_code == 502
    assert orjson.loads(refused.response.body or b"") == {"message": "Internal server error"}


@pytest.mark.parametrize(
    "result",
    [None, {}, "ok", [], {"statusCode": "abc"}, {"statusCode": 99}, {"statusCode": 600}, Raw(b"?")],
)
async def test_connect_malformed_response_is_502(
    start_gateway: StartGateway, result: object
) -> None:
    gateway = await start_gateway(functions=RecordingFunctions(connect=lambda _: result))

    refused = await refusal(gateway)

    assert refused.response.status_code == 502


async def test_connect_informational_status_is_502(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": 101})
    gateway = await start_gateway(functions=functions)

    refused = await refusal(gateway)

    assert refused.response.status_code == 502


async def test_connect_function_that_is_not_invocable_is_500(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route("$connect", "absent"))

    refused = await refusal(gateway)

    assert refused.response.status_code == 500
    assert orjson.loads(refused.response.body or b"") == {"message": "Internal server error"}


async def test_connect_timeout_is_504(start_gateway: StartGateway) -> None:
    never = asyncio.Event()

    async def wait(_: Event) -> None:
        await never.wait()

    functions = RecordingFunctions(connect=wait)
    gateway = await start_gateway(route("$connect", "connect", timeout_ms=50), functions=functions)

    refused = await refusal(gateway)
    never.set()

    assert refused.response.status_code == 504
    assert orjson.loads(refused.response.body or b"") == {"message": "Endpoint request timed out"}


async def test_connect_without_a_route_is_accepted(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route("ask", "ask"))

    async with gateway.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


async def test_connect_route_without_an_integration_is_accepted(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(route("$connect", None))

    async with gateway.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


async def test_connect_beyond_the_connect_rate_is_429(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(connect_rate=TokenBucket(0.001))

    async with gateway.connect():
        refused = await refusal(gateway)

    assert refused.response.status_code == 429
    assert orjson.loads(refused.response.body or b"") == {"message": "Too Many Requests"}


async def test_connect_beyond_the_account_rate_is_429(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(account_rate=TokenBucket(0.001))

    async with gateway.connect():
        refused = await refusal(gateway)

    assert refused.response.status_code == 429


async def test_connect_refusal_has_the_head_of_the_service(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route("$connect", "absent"))

    refused = await refusal(gateway)

    headers = refused.response.headers
    assert headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert headers["Content-Type"] == "application/json"
    assert len(headers["x-amzn-RequestId"]) == 36
    assert len(headers["x-amz-apigw-id"]) == 16
    assert "server" not in headers


async def test_connect_refused_has_no_disconnect(start_gateway: StartGateway) -> None:
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


async def test_connect_client_that_leaves_meanwhile_is_disconnected(
    start_gateway: StartGateway,
) -> None:
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


async def test_connect_message_before_the_answer_is_processed_after_it(
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


async def test_subprotocol_is_never_chosen_by_the_service(gateway: Gateway) -> None:
    async with gateway.connect(subprotocols=["chat"]) as client:
        assert client.subprotocol is None

    assert any("browsers then close" in line for line in gateway.lines)


async def test_subprotocol_reaches_the_function(gateway: Gateway) -> None:
    async with gateway.connect(subprotocols=["chat", "other"]):
        event = await gateway.functions.next_event("connect")

    assert event["headers"]["Sec-WebSocket-Protocol"] == "chat, other"


async def test_subprotocol_that_was_not_offered_is_sent_verbatim(
    start_gateway: StartGateway,
) -> None:
    answer = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "mine"}}
    gateway = await start_gateway(functions=RecordingFunctions(connect=lambda _: answer))
    client = await RawClient.begin(gateway)

    response = await read_response(client.reader)
    await client.close()

    assert response.headers["sec-websocket-protocol"] == "mine"
    assert any("did not offer" in line for line in gateway.lines)


async def test_subprotocol_that_would_split_the_head_is_502(start_gateway: StartGateway) -> None:
    answer = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "a\r\nX-Injected: 1"}}
    gateway = await start_gateway(functions=RecordingFunctions(connect=lambda _: answer))

    refused = await refusal(gateway)

    assert refused.response.status_code == 502
    assert "X-Injected" not in refused.response.headers


async def test_permessage_deflate_is_not_negotiated(gateway: Gateway) -> None:
    async with gateway.connect(compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


async def test_trailing_slash_and_query_are_accepted(gateway: Gateway) -> None:
    async with gateway.connect("/?a=1"):
        event = await gateway.functions.next_event("connect")

    assert event["queryStringParameters"] == {"a": "1"}
