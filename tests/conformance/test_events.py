"""Lambda proxy events: gateway-spec 4 and 5."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from tests.fakes.gateway import API_ID, HOST, Gateway, RawClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.functions import Event

    StartGateway = Callable[..., Awaitable[Gateway]]

ID = re.compile(r"[A-Za-z0-9_-]{14}[AQgw]=")
TIME = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000")
CONTEXT_KEYS = ["extendedRequestId", "requestTime", "messageDirection", "stage", "connectedAt"]
CONTEXT_END = ["requestTimeEpoch", "identity", "requestId", "domainName", "connectionId", "apiId"]


async def connect_event(gateway: Gateway, headers: str = "") -> Event:
    client = await RawClient.begin(gateway, headers=headers)
    event = await gateway.functions.next_event("connect")
    await client.close()
    return event


async def test_connect_event_has_the_keys_of_the_capture(gateway: Gateway) -> None:
    event = await connect_event(gateway)

    assert list(event) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]
    context = event["requestContext"]
    assert list(context) == ["routeKey", "eventType", *CONTEXT_KEYS, *CONTEXT_END]
    assert (context["routeKey"], context["eventType"]) == ("$connect", "CONNECT")
    assert (context["domainName"], context["apiId"]) == (HOST, API_ID)
    assert context["stage"] == "dev"
    assert context["messageDirection"] == "IN"
    assert event["isBase64Encoded"] is False


async def test_connect_event_is_compact_json(gateway: Gateway) -> None:
    event = await connect_event(gateway)

    (payload,) = gateway.functions.payloads["connect"]
    assert payload == orjson.dumps(event)


async def test_connect_event_keeps_the_clients_header_case(gateway: Gateway) -> None:
    event = await connect_event(gateway, "x-lower: 1\r\nX-UPPER: 2\r\nCookie: a=b\r\n")

    assert list(event["headers"]) == [
        "Cookie",
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "x-lower",
        "X-UPPER",
    ]


async def test_connect_event_has_the_headers_that_the_service_adds(gateway: Gateway) -> None:
    event = await connect_event(gateway)

    headers = event["headers"]
    assert headers["Host"] == HOST
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Port"] == "443"
    assert headers["X-Forwarded-Proto"] == "https"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])


async def test_connect_event_lacks_connection_upgrade_and_content_length(gateway: Gateway) -> None:
    event = await connect_event(gateway, "Content-Length: 0\r\n")

    names = {name.lower() for name in event["headers"]}
    assert names.isdisjoint({"connection", "upgrade", "content-length"})


async def test_connect_event_has_all_values_of_a_repeated_header(gateway: Gateway) -> None:
    event = await connect_event(gateway, "X-Many: 1\r\nX-Many: 2\r\n")

    assert event["headers"]["X-Many"] == "2"
    assert event["multiValueHeaders"]["X-Many"] == ["1", "2"]


async def test_connect_event_has_no_query_maps_without_a_query(gateway: Gateway) -> None:
    event = await connect_event(gateway)

    assert "queryStringParameters" not in event
    assert "multiValueQueryStringParameters" not in event


async def test_connect_event_has_the_last_and_all_values_of_a_query(gateway: Gateway) -> None:
    async with gateway.connect("?token=a&token=b%20c&x=&y=%C3%A4"):
        event = await gateway.functions.next_event("connect")

    assert list(event)[:4] == [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ]
    assert event["queryStringParameters"] == {"token": "b c", "x": "", "y": "ä"}
    assert event["multiValueQueryStringParameters"] == {
        "token": ["a", "b c"],
        "x": [""],
        "y": ["ä"],
    }


async def test_identity_has_a_user_agent_only_if_the_client_sent_one(gateway: Gateway) -> None:
    without = await connect_event(gateway)
    with_one = await connect_event(gateway, "User-Agent: wscat/6\r\n")

    assert without["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}
    assert list(with_one["requestContext"]["identity"].items()) == [
        ("userAgent", "wscat/6"),
        ("sourceIp", "127.0.0.1"),
    ]


async def test_stage_variables_are_present_only_if_there_are_any(
    start_gateway: StartGateway,
) -> None:
    with_variables = await start_gateway(variables={"table": "blue"})
    without = await start_gateway()

    async with with_variables.connect() as client:
        await client.send("hello")
        message = await with_variables.functions.next_event("default")
    connect = await with_variables.functions.next_event("connect")
    disconnect = await with_variables.functions.next_event("disconnect")

    assert connect["stageVariables"] == {"table": "blue"}
    assert list(message) == ["stageVariables", "requestContext", "body", "isBase64Encoded"]
    assert disconnect["stageVariables"] == {"table": "blue"}
    assert "stageVariables" not in await connect_event(without)


async def test_message_event_has_the_keys_of_the_capture(gateway: Gateway) -> None:
    async with gateway.connect() as client:
        await client.send('{\r\n\t"a": 1\r\n}')
        event = await gateway.functions.next_event("default")

    assert list(event) == ["requestContext", "body", "isBase64Encoded"]
    context = event["requestContext"]
    assert list(context) == [
        "routeKey",
        "messageId",
        "eventType",
        *CONTEXT_KEYS,
        *CONTEXT_END,
    ]
    assert (context["routeKey"], context["eventType"]) == ("$default", "MESSAGE")
    assert event["body"] == '{\r\n\t"a": 1\r\n}'
    (payload,) = gateway.functions.payloads["default"]
    assert payload == orjson.dumps(event)


async def test_message_event_body_is_the_exact_text(gateway: Gateway) -> None:
    texts = ["", "hello", '{"action":"sendMessage", body:"hello"}', 'ä€😀\u2028"\\\x00', "null"]

    async with gateway.connect() as client:
        for text in texts:
            await client.send(text)
        bodies = [(await gateway.functions.next_event("default"))["body"] for _ in texts]

    assert bodies == texts


async def test_message_event_joins_fragments(gateway: Gateway) -> None:
    async with gateway.connect() as client:
        await client.send(["one ", "two ", "three"])
        event = await gateway.functions.next_event("default")

    assert event["body"] == "one two three"


async def test_message_event_names_the_custom_route(gateway: Gateway) -> None:
    async with gateway.connect() as client:
        await client.send('{"action":"join"}')
        event = await gateway.functions.next_event("join")

    assert event["requestContext"]["routeKey"] == "join"


async def test_disconnect_event_has_the_keys_of_the_capture(gateway: Gateway) -> None:
    async with gateway.connect():
        pass
    event = await gateway.functions.next_event("disconnect")

    assert list(event) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]
    assert list(event["requestContext"]) == [
        "routeKey",
        "disconnectStatusCode",
        "eventType",
        "extendedRequestId",
        "requestTime",
        "messageDirection",
        "disconnectReason",
        "stage",
        "connectedAt",
        *CONTEXT_END,
    ]
    (payload,) = gateway.functions.payloads["disconnect"]
    assert payload == orjson.dumps(event)


async def test_disconnect_event_has_four_headers_blank_but_for_the_host(gateway: Gateway) -> None:
    async with gateway.connect(additional_headers={"X-Mine": "1"}):
        pass
    event = await gateway.functions.next_event("disconnect")

    assert list(event["headers"].items()) == [
        ("Host", HOST),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    ]
    assert event["multiValueHeaders"]["x-api-key"] == [""]


async def test_ids_and_times_are_shaped_as_on_the_service(gateway: Gateway) -> None:
    async with gateway.connect() as client:
        await client.send("hello")
        message = (await gateway.functions.next_event("default"))["requestContext"]
    connect = (await gateway.functions.next_event("connect"))["requestContext"]
    disconnect = (await gateway.functions.next_event("disconnect"))["requestContext"]

    contexts = [connect, message, disconnect]
    assert len({context["connectionId"] for context in contexts}) == 1
    assert len({context["connectedAt"] for context in contexts}) == 1
    assert len({context["requestId"] for context in contexts}) == 3
    for context in contexts:
        assert context["requestId"] == context["extendedRequestId"]
        assert context["requestId"][11] == "F"
        assert ID.fullmatch(context["requestId"])
        assert TIME.fullmatch(context["requestTime"])
        assert context["requestTimeEpoch"] >= context["connectedAt"]
    assert ID.fullmatch(message["connectionId"])
    assert message["connectionId"][11] == message["messageId"][11] == "C"
    assert message["connectionId"][-4:] == message["messageId"][-4:]
