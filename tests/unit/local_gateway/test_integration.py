from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.integration import (
    FunctionFailed,
    IntegrationError,
    IntegrationTimeout,
    MalformedResponse,
    NotInvocable,
    ProxyResponse,
    call,
    read_proxy_response,
    write_error_frame,
)
from tests.fakes.functions import Event, RecordingFunctions

if TYPE_CHECKING:
    from local_gateway.lambdas.result import InvokeResult


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


async def test_call_passes_the_event_and_returns_the_answer() -> None:
    functions = RecordingFunctions(ask=lambda event: {"statusCode": 200, "body": event["text"]})

    response = await call(functions, "ask", orjson.dumps({"text": "hello"}))

    assert response == ProxyResponse(200, "hello")


async def test_call_of_a_function_that_fails() -> None:
    def fail(event: Event) -> None:
        raise ValueError(event)

    with pytest.raises(FunctionFailed):
        await call(RecordingFunctions(ask=fail), "ask", b"{}")


async def test_call_of_a_function_that_is_refused() -> None:
    with pytest.raises(NotInvocable, match="no function ask"):
        await call(RecordingFunctions(), "ask", b"{}")


class Broken:
    async def invoke(
        self, function: str, payload: bytes, *, request_id: str | None = None
    ) -> InvokeResult:
        raise ZeroDivisionError(function, payload, request_id)


async def test_defect_of_the_emulator_is_logged_and_counts_as_a_refusal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(NotInvocable):
        await call(Broken(), "ask", b"{}")

    assert "invoking ask failed" in caplog.text


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
