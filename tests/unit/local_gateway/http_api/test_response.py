from __future__ import annotations

import orjson
import pytest

from local_gateway.http_api.response import Response, read_response
from local_gateway.integration import MalformedResponse

JSON = ("content-type", "application/json")
TEXT = ("content-type", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        # Without statusCode: inferred.
        ({"message": "hi"}, Response(200, (JSON,), b'{"message":"hi"}')),
        ("Hello from Lambda!", Response(200, (JSON,), b"Hello from Lambda!")),
        ([1, 2], Response(200, (JSON,), b"[1,2]")),
        (None, Response(200, (JSON,), b"null")),
        (7, Response(200, (JSON,), b"7")),
        ({"body": "x"}, Response(200, (JSON,), b'{"body":"x"}')),
        # With it: as it says.
        ({"statusCode": 204}, Response(204, (TEXT,), b"")),
        ({"statusCode": "201", "body": "é"}, Response(201, (TEXT,), "é".encode())),
        ({"statusCode": 200, "body": None, "headers": None}, Response(200, (TEXT,), b"")),
        (
            {"statusCode": 200, "body": "YWJj", "isBase64Encoded": True},
            Response(200, (TEXT,), b"abc"),
        ),
        (
            {
                "statusCode": 200,
                "headers": {
                    "Content-Type": "text/html",
                    "X-Count": 3,
                    "X-Flag": True,
                    "x-no": None,
                },
                "cookies": ["a=1", "b=2; Secure"],
                "body": "<p>",
            },
            Response(
                200,
                (
                    ("content-type", "text/html"),
                    ("x-count", "3"),
                    ("x-flag", "true"),
                    ("set-cookie", "a=1"),
                    ("set-cookie", "b=2; Secure"),
                ),
                b"<p>",
            ),
        ),
        (
            {"statusCode": 200, "headers": {"Content-Length": "9", "Transfer-Encoding": "chunked"}},
            Response(200, (TEXT,), b""),
        ),
    ],
)
def test_what_a_function_returns_becomes_a_response(returned: object, expected: Response) -> None:
    assert read_response(orjson.dumps(returned)) == expected


def test_what_is_not_json_is_a_body_as_it_stands() -> None:
    assert read_response(b"<p>") == Response(200, (JSON,), b"<p>")


@pytest.mark.parametrize(
    "returned",
    [
        {"statusCode": "ok"},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"k": "v"}},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "cookies": ["a\nb"]},
    ],
)
def test_a_response_that_cannot_be_sent_is_malformed(returned: object) -> None:
    with pytest.raises(MalformedResponse):
        read_response(orjson.dumps(returned))
