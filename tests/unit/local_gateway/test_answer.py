from __future__ import annotations

import http.client
from io import BytesIO
from typing import TYPE_CHECKING, cast

import pytest

from local_gateway import answer
from local_gateway.answer import Answer, write_response

if TYPE_CHECKING:
    import socket


class Socket(BytesIO):
    def makefile(self, mode: str) -> BytesIO:
        del mode
        return self


def parsed(written: bytes) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(cast("socket.socket", Socket(written)))
    response.begin()
    return response


@pytest.mark.parametrize(
    ("given", "status", "error_type", "body"),
    [
        (answer.OK, 200, None, b""),
        (answer.NO_CONTENT, 204, None, b""),
        (answer.FORBIDDEN, 403, "ForbiddenException", b'{"message":"Forbidden"}'),
        (answer.GONE, 410, "GoneException", b""),
        (answer.LIMIT_EXCEEDED, 429, "LimitExceededException", b'{"message":"Too Many Requests"}'),
    ],
)
def test_response_is_whole_http(
    given: Answer, status: int, error_type: str | None, body: bytes
) -> None:
    response = parsed(write_response(given, "QyUg1HJgCYcFvbw="))

    assert (response.status, response.read()) == (status, body)
    assert response.headers["x-amzn-ErrorType"] == error_type
    assert response.headers["x-amz-apigw-id"] == "QyUg1HJgCYcFvbw="
    assert response.headers["Content-Type"] == ("application/json" if body else None)
    assert response.headers["Content-Length"] == (None if status == 204 else str(len(body)))
    assert response.headers["Date"].endswith("GMT")


@pytest.mark.parametrize("status", [299, 418, 599])
def test_status_that_has_no_name_is_still_written(status: int) -> None:
    response = parsed(write_response(Answer(status), "id"))

    assert response.status == status
