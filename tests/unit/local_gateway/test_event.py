"""The events against the captures of EVENT-1, EVENT-18 and EVENT-23, with their values."""

from __future__ import annotations

import orjson
import pytest

from local_gateway.api import Identity
from local_gateway.event import Caller, Events, Handshake, Request, request_time, write_identity
from tests.fakes.gateway import HOST, route, websocket_api

AGENT = "Mozilla/5.0 Chrome/118.0.0.0"


def events(variables: dict[str, str] | None = None) -> Events:
    api = websocket_api(route("$default", "default"), variables=variables)
    return Events(api, api.stages["prod"], Identity(region="us-east-2"))


def caller(user_agent: str | None = None) -> Caller:
    identity = write_identity("192.0.2.40", user_agent)
    return Caller("QyUg1czHCYcCHXw=", 1_650_301_649_973, identity)


def test_connect_is_the_captured_event() -> None:
    handshake = Handshake(
        [
            (b"HeaderAuth1", b"headerValue1"),
            (b"Host", b"127.0.0.1:3000"),
            (b"Connection", b"upgrade"),
            (b"Upgrade", b"websocket"),
            (b"content-length", b"0"),
            (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"),
            (b"Sec-WebSocket-Key", b"BvlrrFKoKAPDYOlwBcGKWw=="),
            (b"Sec-WebSocket-Version", b"13"),
            (b"X-Amzn-Trace-Id", b"Root=1-625d9ad1-37a5d33a61dd9be33ae3a247"),
        ],
        b"",
        "192.0.2.40",
    )

    written = events().connect(handshake, caller(), Request("QyUg1HJgCYcFvbw=", 1_650_301_649_973))

    single = {
        "HeaderAuth1": "headerValue1",
        "Host": HOST,
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Key": "BvlrrFKoKAPDYOlwBcGKWw==",
        "Sec-WebSocket-Version": "13",
        "X-Amzn-Trace-Id": "Root=1-625d9ad1-37a5d33a61dd9be33ae3a247",
        "X-Forwarded-For": "192.0.2.40",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    assert written == orjson.dumps(
        {
            "headers": single,
            "multiValueHeaders": {name: [value] for name, value in single.items()},
            "requestContext": {
                "routeKey": "$connect",
                "eventType": "CONNECT",
                "extendedRequestId": "QyUg1HJgCYcFvbw=",
                "requestTime": "18/Apr/2022:17:07:29 +0000",
                "messageDirection": "IN",
                "stage": "prod",
                "connectedAt": 1_650_301_649_973,
                "requestTimeEpoch": 1_650_301_649_973,
                "identity": {"sourceIp": "192.0.2.40"},
                "requestId": "QyUg1HJgCYcFvbw=",
                "domainName": HOST,
                "connectionId": "QyUg1czHCYcCHXw=",
                "apiId": "lg10ltpf4f",
            },
            "isBase64Encoded": False,
        }
    )


def test_message_is_the_captured_event() -> None:
    of_stage = events()
    head = of_stage.message_head("$default")

    written = of_stage.message(
        head,
        "R1knPc2ntjMCFIA=",
        '{\r\n\t"a": 1\r\n}',
        caller(AGENT),
        Request("R1knPH17NjMFftw=", 1_705_751_700_453),
    )

    assert written == orjson.dumps(
        {
            "requestContext": {
                "routeKey": "$default",
                "messageId": "R1knPc2ntjMCFIA=",
                "eventType": "MESSAGE",
                "extendedRequestId": "R1knPH17NjMFftw=",
                "requestTime": "20/Jan/2024:11:55:00 +0000",
                "messageDirection": "IN",
                "stage": "prod",
                "connectedAt": 1_650_301_649_973,
                "requestTimeEpoch": 1_705_751_700_453,
                "identity": {"userAgent": AGENT, "sourceIp": "192.0.2.40"},
                "requestId": "R1knPH17NjMFftw=",
                "domainName": HOST,
                "connectionId": "QyUg1czHCYcCHXw=",
                "apiId": "lg10ltpf4f",
            },
            "body": '{\r\n\t"a": 1\r\n}',
            "isBase64Encoded": False,
        }
    )


def test_disconnect_is_the_captured_event() -> None:
    written = events().disconnect(
        caller(AGENT), Request("R1koeHsUtjMFbRw=", 1_705_751_708_326), 1001, 'say "bye"'
    )

    single = {"Host": HOST, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    assert written == orjson.dumps(
        {
            "headers": single,
            "multiValueHeaders": {name: [value] for name, value in single.items()},
            "requestContext": {
                "routeKey": "$disconnect",
                "disconnectStatusCode": 1001,
                "eventType": "DISCONNECT",
                "extendedRequestId": "R1koeHsUtjMFbRw=",
                "requestTime": "20/Jan/2024:11:55:08 +0000",
                "messageDirection": "IN",
                "disconnectReason": 'say "bye"',
                "stage": "prod",
                "connectedAt": 1_650_301_649_973,
                "requestTimeEpoch": 1_705_751_708_326,
                "identity": {"userAgent": AGENT, "sourceIp": "192.0.2.40"},
                "requestId": "R1koeHsUtjMFbRw=",
                "domainName": HOST,
                "connectionId": "QyUg1czHCYcCHXw=",
                "apiId": "lg10ltpf4f",
            },
            "isBase64Encoded": False,
        }
    )


@pytest.mark.parametrize("value", ['quo"te', "per%cent %b %d", "back\\slash", "ünï"])
def test_values_of_others_are_written_as_json(value: str) -> None:
    of_stage = events({"variable": value})
    request = Request("R1knPH17NjMFftw=", 1_705_751_700_453)

    message = orjson.loads(
        of_stage.message(of_stage.message_head(value), "id", value, caller(value), request)
    )

    assert message["stageVariables"] == {"variable": value}
    assert message["body"] == value
    assert message["requestContext"]["routeKey"] == value
    assert message["requestContext"]["identity"]["userAgent"] == value


def test_forwarded_for_is_appended_to() -> None:
    handshake = Handshake([(b"x-forwarded-for", b"10.0.0.1")], b"", "192.0.2.40")

    event = orjson.loads(events().connect(handshake, caller(), Request("id", 0)))

    assert event["headers"]["X-Forwarded-For"] == "10.0.0.1, 192.0.2.40"
    assert "x-forwarded-for" not in event["headers"]


def test_headers_that_are_not_ascii_are_latin_1() -> None:
    handshake = Handshake([(b"X-Name", b"J\xf6rg")], b"", "192.0.2.40")

    event = orjson.loads(events().connect(handshake, caller(), Request("id", 0)))

    assert event["headers"]["X-Name"] == "Jörg"


def test_identical_identities_are_one_object() -> None:
    assert write_identity("192.0.2.40", AGENT) is write_identity("192.0.2.40", AGENT)


@pytest.mark.parametrize(
    ("second", "written"),
    [(1_650_301_649, b"18/Apr/2022:17:07:29 +0000"), (0, b"01/Jan/1970:00:00:00 +0000")],
)
def test_request_time_is_in_the_common_log_format(second: int, written: bytes) -> None:
    assert request_time(second) == written
