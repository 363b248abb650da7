"""What a function is given: EVENT."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
import pytest

from tests.conformance.target import Stage, ask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.gateway import Gateway

    StartGateway = Callable[..., Awaitable[Gateway]]
    StageOf = Callable[[str], Stage]

START = ["extendedRequestId", "requestTime", "messageDirection"]
MIDDLE = ["stage", "connectedAt"]
END = ["requestTimeEpoch", "identity", "requestId", "domainName", "connectionId", "apiId"]
ADDED = {"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"}


@pytest.mark.clause("EVENT-1")
async def test_a_connect_event_has_the_keys_of_the_captures(main: Stage) -> None:
    event = await main.connect_event()

    context = event["requestContext"]
    assert list(event) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]
    assert list(context) == ["routeKey", "eventType", *START, *MIDDLE, *END]
    assert (context["routeKey"], context["eventType"]) == ("$connect", "CONNECT")
    assert (context["messageDirection"], context["stage"]) == ("IN", "main")


@pytest.mark.clause("EVENT-2")
async def test_events_are_compact_json(gateway: Gateway) -> None:
    async with gateway.connect("?name=%C3%A4%22/") as client:
        await client.send('grüß "Gott" / \u2028')
        await gateway.functions.next_event("default")
    await gateway.functions.next_event("disconnect")

    for function in ("connect", "default", "disconnect"):
        (payload,) = gateway.functions.payloads[function]
        assert payload == orjson.dumps(orjson.loads(payload))


@pytest.mark.clause("EVENT-3")
async def test_the_clients_headers_keep_their_case_and_are_sorted(main: Stage) -> None:
    event = await main.raw_connect_event("x-lower: 1\r\nX-UPPER: 2\r\nCookie: a=b; c=d\r\n")

    assert [name for name in event["headers"] if name not in ADDED] == [
        "Cookie",
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "User-Agent",
        "x-lower",
        "X-UPPER",
    ]
    assert event["headers"]["Cookie"] == "a=b; c=d"
    assert sorted(event["headers"], key=str.lower) == list(event["headers"])
    assert list(event["multiValueHeaders"]) == list(event["headers"])


@pytest.mark.clause("EVENT-4")
async def test_the_service_adds_headers(main: Stage) -> None:
    event = await main.connect_event()

    headers = event["headers"]
    assert headers.keys() >= ADDED
    assert headers["X-Forwarded-For"] == event["requestContext"]["identity"]["sourceIp"]
    assert headers["X-Forwarded-Port"] == "443"
    assert headers["X-Forwarded-Proto"] == "https"


@pytest.mark.clause("EVENT-5")
async def test_three_headers_are_left_out(main: Stage) -> None:
    event = await main.raw_connect_event("Content-Length: 0\r\n")

    names = {name.lower() for name in event["headers"]}
    assert names.isdisjoint({"connection", "upgrade", "content-length"})


@pytest.mark.clause("EVENT-6")
async def test_a_repeated_header_has_its_last_value_and_all(main: Stage) -> None:
    event = await main.raw_connect_event("X-Many: 1\r\nX-Many: 2\r\n")

    assert event["headers"]["X-Many"] == "2"
    assert event["multiValueHeaders"]["X-Many"] == ["1", "2"]


@pytest.mark.clause("EVENT-7")
async def test_the_host_is_the_apis(main: Stage) -> None:
    event = await main.connect_event()

    assert event["headers"]["Host"] == event["requestContext"]["domainName"]


@pytest.mark.clause("EVENT-8")
async def test_what_a_proxy_forwarded_is_kept(main: Stage) -> None:
    trace = "Root=1-625d9ad1-37a5d33a61dd9be33ae3a247"

    event = await main.raw_connect_event(
        f"x-forwarded-for: 192.0.2.40\r\nX-Amzn-Trace-Id: {trace}\r\n"
    )

    address = event["requestContext"]["identity"]["sourceIp"]
    assert event["headers"]["X-Forwarded-For"] == f"192.0.2.40, {address}"
    assert event["headers"]["X-Amzn-Trace-Id"] == trace


@pytest.mark.clause("EVENT-9")
@pytest.mark.parametrize("query", ["", "?"])
async def test_without_a_query_there_are_no_query_maps(main: Stage, query: str) -> None:
    event = await main.connect_event(query)

    assert "queryStringParameters" not in event
    assert "multiValueQueryStringParameters" not in event


@pytest.mark.clause("EVENT-10")
async def test_the_query_maps_follow_the_headers(main: Stage) -> None:
    event = await main.connect_event("?token=a")

    assert list(event) == [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "requestContext",
        "isBase64Encoded",
    ]


@pytest.mark.clause("EVENT-11")
@pytest.mark.parametrize(
    ("query", "decoded"),
    [
        ("a=b%20c", {"a": "b c"}),
        ("a=b+c", {"a": "b c"}),
        ("a=b%2Bc", {"a": "b+c"}),
        ("%C3%A4=%E2%82%AC", {"ä": "€"}),
        ("a=", {"a": ""}),
        ("a", {"a": ""}),
        ("a&b=1", {"a": "", "b": "1"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=%", {"a": "%"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=1&&b=2", {"a": "1", "b": "2"}),
    ],
)
async def test_a_query_is_decoded(main: Stage, query: str, decoded: dict[str, str]) -> None:
    event = await main.connect_event(f"?{query}")

    assert event["queryStringParameters"] == decoded


@pytest.mark.clause("EVENT-12")
async def test_a_repeated_name_has_its_last_value_and_all(main: Stage) -> None:
    event = await main.connect_event("?token=a&x=1&token=b")

    assert event["queryStringParameters"] == {"token": "b", "x": "1"}
    assert event["multiValueQueryStringParameters"] == {"token": ["a", "b"], "x": ["1"]}


@pytest.mark.clause("EVENT-12")
async def test_a_repeated_name_may_have_its_first_value(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(assume={"repeated-query": "first"})

    async with gateway.connect("?token=a&x=1&token=b"):
        event = await gateway.functions.next_event("connect")

    assert event["queryStringParameters"] == {"token": "a", "x": "1"}
    assert event["multiValueQueryStringParameters"] == {"token": ["a", "b"], "x": ["1"]}


@pytest.mark.clause("EVENT-13")
async def test_the_two_request_ids_are_the_same(main: Stage) -> None:
    for event in await main.life():
        context = event["requestContext"]
        assert context["requestId"] == context["extendedRequestId"]


@pytest.mark.clause("EVENT-14")
async def test_identity_has_the_clients_user_agent_first(main: Stage) -> None:
    for event in await main.life():
        assert list(event["requestContext"]["identity"]) == ["userAgent", "sourceIp"]


@pytest.mark.clause("EVENT-14")
async def test_identity_has_no_user_agent_if_the_client_sent_none(main: Stage) -> None:
    async with main.observing() as observer:
        told = quote(json.dumps({"tell": {"observer": observer.connection_id}}))
        async with main.connect(f"?tell={told}", user_agent_header=None) as client:
            connect = await observer.event()
            message = await ask(client)

    assert list(connect["requestContext"]["identity"]) == ["sourceIp"]
    assert list(message["requestContext"]["identity"]) == ["sourceIp"]


@pytest.mark.clause("EVENT-15")
async def test_stage_variables_stand_before_the_context(stage_of: StageOf) -> None:
    connect, message, disconnect = await stage_of("variables").life()

    assert list(connect)[-3:] == ["stageVariables", "requestContext", "isBase64Encoded"]
    assert list(message) == ["stageVariables", "requestContext", "body", "isBase64Encoded"]
    assert list(disconnect)[-3:] == ["stageVariables", "requestContext", "isBase64Encoded"]
    assert connect["stageVariables"] == {"table": "blue"}


@pytest.mark.clause("EVENT-15")
async def test_a_stage_without_variables_has_no_such_key(main: Stage) -> None:
    for event in await main.life():
        assert "stageVariables" not in event


@pytest.mark.clause("EVENT-16")
async def test_the_domain_name_is_the_apis_host(main: Stage) -> None:
    for event in await main.life():
        api, service, _, *domain = event["requestContext"]["domainName"].split(".")
        assert api == event["requestContext"]["apiId"]
        assert (service, domain) == ("execute-api", ["amazonaws", "com"])


@pytest.mark.clause("EVENT-17")
async def test_times_are_milliseconds(main: Stage) -> None:
    events = [event["requestContext"] for event in await main.life()]

    assert len({event["connectedAt"] for event in events}) == 1
    for event in events:
        assert 1_700_000_000_000 < event["connectedAt"] <= event["requestTimeEpoch"]
        assert event["requestTimeEpoch"] < 10_000_000_000_000


@pytest.mark.clause("EVENT-18")
async def test_a_message_event_has_the_keys_of_the_captures(main: Stage) -> None:
    event = await main.message_event('{"action":"ask"}')

    assert list(event) == ["requestContext", "body", "isBase64Encoded"]
    assert list(event["requestContext"]) == [
        "routeKey",
        "messageId",
        "eventType",
        *START,
        *MIDDLE,
        *END,
    ]
    assert event["requestContext"]["eventType"] == "MESSAGE"


@pytest.mark.clause("EVENT-19")
@pytest.mark.parametrize(
    ("text", "key"), [('{"action":"ask"}', "ask"), ('{"action":"other"}', "$default")]
)
async def test_the_route_key_is_that_of_the_route(main: Stage, text: str, key: str) -> None:
    event = await main.message_event(text)

    assert event["requestContext"]["routeKey"] == key


@pytest.mark.clause("EVENT-20")
@pytest.mark.parametrize(
    "text",
    [
        "hello",
        '{\r\n\t"a": 1\r\n}',
        '{"action":"sendMessage", body:"hello"}',
        'ä€😀\u2028"\\\x00\x7f',
        "null",
        " ",
    ],
)
async def test_the_body_is_the_exact_text(main: Stage, text: str) -> None:
    event = await main.message_event(text)

    assert event["body"] == text


@pytest.mark.clause("EVENT-21")
async def test_the_body_of_an_empty_message_is_empty(main: Stage) -> None:
    event = await main.message_event("")

    assert event["body"] == ""


@pytest.mark.clause("EVENT-22")
async def test_fragments_are_joined(main: Stage) -> None:
    async with main.connect() as client:
        await client.send(["one ", "two ", "three"])
        event = json.loads(await client.recv())

    assert event["body"] == "one two three"


@pytest.mark.clause("EVENT-23")
async def test_a_disconnect_event_has_the_keys_of_the_captures(main: Stage) -> None:
    _, _, event = await main.life()

    assert list(event) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]
    assert list(event["requestContext"]) == [
        "routeKey",
        "disconnectStatusCode",
        "eventType",
        *START,
        "disconnectReason",
        *MIDDLE,
        *END,
    ]
    assert event["requestContext"]["routeKey"] == "$disconnect"
    assert event["requestContext"]["eventType"] == "DISCONNECT"


@pytest.mark.clause("EVENT-24")
async def test_a_disconnect_event_has_four_headers_of_the_services(main: Stage) -> None:
    _, _, event = await main.life()

    host = event["requestContext"]["domainName"]
    assert list(event["headers"].items()) == [
        ("Host", host),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    ]
    assert list(event["multiValueHeaders"].items()) == [
        ("Host", [host]),
        ("x-api-key", [""]),
        ("X-Forwarded-For", [""]),
        ("x-restapi", [""]),
    ]


@pytest.mark.clause("EVENT-25")
async def test_nothing_is_base64_encoded(main: Stage) -> None:
    for event in await main.life():
        assert event["isBase64Encoded"] is False
