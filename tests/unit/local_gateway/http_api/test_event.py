from __future__ import annotations

import json
from typing import Any

import pytest

from local_gateway.api import HttpApi, HttpRoute, Identity, LambdaProxy, Stage
from local_gateway.http_api.event import write_event
from local_gateway.http_api.request import Request
from local_gateway.http_api.routing import Match

NOW_MS = 1_583_348_638_390  # 04/Mar/2020:19:03:58.390 +0000
ROUTE = HttpRoute(
    method="POST",
    path="/my/{id}",
    integration=LambdaProxy(logical_id="Integration", function="Function"),
)


def api(stage: Stage) -> HttpApi:
    return HttpApi(logical_id="Api", api_id="abcdefghij", name="api", routes=(ROUTE,), stage=stage)


def event_of(
    request: Request, *, parameters: dict[str, str] | None = None, stage: Stage | None = None
) -> dict[str, Any]:
    text = write_event(
        request,
        Match(ROUTE, parameters or {}),
        api(stage or Stage(name="$default")),
        Identity(),
        request_id="JKJaXmPLvHcESHA=",
        now_ms=NOW_MS,
    )
    return json.loads(text)


def request(**changes: Any) -> Request:  # noqa: ANN401 — fields of many types
    settings: dict[str, Any] = {
        "method": "POST",
        "raw_path": "/my/path",
        "query_string": "",
        "headers": (("host", "127.0.0.1:3000"),),
        "body": b"",
        "source_ip": "127.0.0.1",
        "port": 3000,
    }
    return Request(**{**settings, **changes})


def test_the_event_is_as_the_developer_guide_shows_it() -> None:
    event = event_of(
        request(
            query_string="parameter1=value1&parameter1=value2&parameter2=value",
            headers=(
                ("host", "127.0.0.1:3000"),
                ("header1", "value1"),
                ("header2", "value1"),
                ("header2", "value2"),
                ("cookie", "cookie1=a; cookie2=b"),
                ("user-agent", "agent"),
                ("content-type", "application/json"),
                ("x-amzn-trace-id", "Root=1"),
                ("connection", "keep-alive"),
            ),
            body=b'{"k":"\xc3\xa9"}',
        ),
        parameters={"id": "path"},
        stage=Stage(name="$default", variables={"stageVariable1": "value1"}),
    )

    assert event == {
        "version": "2.0",
        "routeKey": "POST /my/{id}",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1=a", "cookie2=b"],
        "headers": {
            "content-length": "10",
            "content-type": "application/json",
            "header1": "value1",
            "header2": "value1,value2",
            "host": "127.0.0.1:3000",
            "user-agent": "agent",
            "x-amzn-trace-id": "Root=1",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "3000",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abcdefghij",
            "http": {
                "method": "POST",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /my/{id}",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": NOW_MS,
        },
        "pathParameters": {"id": "path"},
        "stageVariables": {"stageVariable1": "value1"},
        "body": '{"k":"é"}',
        "isBase64Encoded": False,
    }


def test_what_a_request_lacks_is_absent() -> None:
    event = event_of(request())

    assert list(event) == [
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    ]
    assert event["rawQueryString"] == ""
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-5e5ffb9e-")


def test_the_path_is_decoded_and_begins_with_a_named_stage() -> None:
    event = event_of(request(raw_path="/prod/my/a%20%C3%A9"), stage=Stage(name="prod"))

    assert event["rawPath"] == "/prod/my/a é"
    assert event["requestContext"]["http"]["path"] == "/prod/my/a é"
    assert event["requestContext"]["stage"] == "prod"


def test_the_raw_query_is_as_it_came_and_its_parameters_are_decoded() -> None:
    event = event_of(request(query_string="a=1%202&b=&c&d=%2C,x+y"))

    assert event["rawQueryString"] == "a=1%202&b=&c&d=%2C,x+y"
    assert event["queryStringParameters"] == {"a": "1 2", "b": "", "c": "", "d": ",,x y"}


def test_a_proxy_in_front_is_kept_in_the_forwarded_header() -> None:
    event = event_of(request(headers=(("x-forwarded-for", "203.0.113.7"),)))

    assert event["headers"]["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"content-type": "text/plain"}, b"abc", ("abc", False)),
        ({"content-type": "TEXT/HTML; charset=utf-8"}, b"abc", ("abc", False)),
        ({"content-type": "application/xml"}, b"abc", ("abc", False)),
        ({"content-type": "application/javascript"}, b"abc", ("abc", False)),
        ({"content-type": "application/problem+json"}, b"abc", ("abc", False)),
        ({"content-type": "application/octet-stream"}, b"abc", ("YWJj", True)),
        ({"content-type": "application/x-www-form-urlencoded"}, b"abc", ("YWJj", True)),
        ({}, b"abc", ("YWJj", True)),
        ({"content-type": "text/plain", "content-encoding": "gzip"}, b"abc", ("YWJj", True)),
        ({"content-type": "text/plain"}, b"\xff", ("/w==", True)),
        ({"content-type": "application/octet-stream"}, b"", (None, False)),
    ],
)
def test_a_body_is_base64_unless_it_is_known_to_be_text(
    headers: dict[str, str], body: bytes, expected: tuple[str | None, bool]
) -> None:
    event = event_of(request(headers=tuple(headers.items()), body=body))

    assert (event.get("body"), event["isBase64Encoded"]) == expected
