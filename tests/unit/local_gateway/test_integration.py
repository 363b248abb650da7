from __future__ import annotations

import orjson
import pytest

from local_gateway.integration import (
    FunctionFailed,
    IntegrationError,
    IntegrationTimeout,
    MalformedResponse,
    NotInvocable,
    ProxyResponse,
    read_proxy_response,
    write_error_frame,
)


@pytest.mark.parametrize(
    ("payload", "response"),
    [
        (b'{"statusCode":200}', ProxyResponse(200)),
        (b'{"statusCode":"201","body":null,"headers":null}', ProxyResponse(201)),
        (b'{"statusCode":404,"body":"text"}', ProxyResponse(404, "text")),
        (b'{"statusCode":200,"headers":{"A":1}}', ProxyResponse(200, None, {"A": 1})),
        (b'{"statusCode":200,"more":[],"isBase64Encoded":false}', ProxyResponse(200)),
    ],
)
def test_proxy_response_is_read(payload: bytes, response: ProxyResponse) -> None:
    assert read_proxy_response(payload) == response


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b'"ok"',
        b"[]",
        b"{}",
        b"not json",
        b'{"statusCode":null}',
        b'{"statusCode":200.5}',
        b'{"statusCode":"OK"}',
        b'{"statusCode":"-200"}',
        b'{"statusCode":true}',
        b'{"statusCode":99}',
        b'{"statusCode":600}',
        b'{"statusCode":200,"body":5}',
        b'{"statusCode":200,"body":{}}',
        b'{"statusCode":200,"headers":[]}',
        b'{"statusCode":200,"body":"\\ud800"}',
    ],
)
def test_what_is_no_proxy_response_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedResponse):
        read_proxy_response(payload)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (FunctionFailed, 502, "Internal server error"),
        (MalformedResponse, 502, "Internal server error"),
        (NotInvocable, 500, "Internal server error"),
        (IntegrationTimeout, 504, "Endpoint request timed out"),
    ],
)
def test_errors_have_their_answer_and_message(
    error: type[IntegrationError], status: int, message: str
) -> None:
    assert (error.answer.status, error.message) == (status, message)
    assert orjson.loads(error.answer.body) == {"message": message}


def test_error_frame_has_its_spaces_where_the_service_has_them() -> None:
    assert write_error_frame("Forbidden", "XDmENcnwIE0CFEQ=", "XDmGEE2RoE0FRdQ=") == (
        b'{"message": "Forbidden", "connectionId":"XDmENcnwIE0CFEQ=", '
        b'"requestId":"XDmGEE2RoE0FRdQ="}'
    )
