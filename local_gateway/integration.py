"""From an event to what a function made of it: the Lambda proxy integration.

What can go wrong, and what the client is told (gateway-spec 2, 7 and 16):

    IntegrationError        abstract; `answer` refuses a handshake, `message` goes into a frame
    ├── FunctionFailed      502 Internal server error: the function raised, crashed or timed out
    ├── MalformedResponse   502 Internal server error: not a Lambda proxy response
    ├── NotInvocable        500 Internal server error: Lambda refused the call
    └── IntegrationTimeout  504 Endpoint request timed out: no answer in time

None of them closes a connection.
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias

import orjson

from local_gateway.answer import BAD_GATEWAY, GATEWAY_TIMEOUT, INTERNAL_SERVER_ERROR, Answer
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.lambdas.result import InvokeResult

_log = logging.getLogger(__name__)

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_NO_HEADERS: Mapping[str, Json] = MappingProxyType({})
_MIN_STATUS, _MAX_STATUS = 100, 599


class Functions(Protocol):
    """What runs the functions."""

    async def invoke(
        self, function: str, payload: bytes, *, request_id: str | None = None
    ) -> InvokeResult:
        """Invoke the function with this logical id and wait for its result.

        Raises:
            InvocationRefused: It is unknown or not invocable.
        """
        ...


class IntegrationError(Exception):
    """An integration had no usable answer; the text says why, for the developer."""

    answer: ClassVar[Answer] = BAD_GATEWAY
    message: ClassVar[str] = "Internal server error"


class FunctionFailed(IntegrationError):
    """The function raised, crashed or ran into its own timeout."""


class MalformedResponse(IntegrationError):
    """The function returned something else than a Lambda proxy response."""


class NotInvocable(IntegrationError):
    """Lambda did not run the function."""

    answer = INTERNAL_SERVER_ERROR


class IntegrationTimeout(IntegrationError):
    """The integration's timeout passed; the function goes on and nobody hears of it."""

    answer = GATEWAY_TIMEOUT
    message = "Endpoint request timed out"


class ProxyResponse(NamedTuple):
    """What a function returned, in the shape of the Lambda proxy integration."""

    status: int
    body: str | None = None
    """None if it is absent or null."""
    headers: Mapping[str, Json] = _NO_HEADERS
    """As returned, in any case."""


async def call(functions: Functions, function: str, event: bytes) -> ProxyResponse:
    """Invoke a function with an event and read its answer; the caller sees to the timeout.

    Raises:
        IntegrationError: It failed, was refused or returned something else. A defect of the
            emulator counts as a refusal, so that one message cannot take others down with it.
    """
    try:
        result = await functions.invoke(function, event)
    except InvocationRefused as error:
        raise NotInvocable(str(error)) from error
    except Exception as error:
        _log.exception("invoking %s failed", function)
        raise NotInvocable(str(error)) from error
    if result.function_error is not None:
        raise FunctionFailed(f"{function} answered {result.function_error}")
    return read_proxy_response(result.payload)


def read_proxy_response(payload: bytes) -> ProxyResponse:
    """Read `{"statusCode": …, "headers": …, "body": …, "isBase64Encoded": …}`.

    Raises:
        MalformedResponse: It is no JSON object, `statusCode` is missing or no status, `body` is
            not a string, or `headers` is not an object (gateway-spec 2 and 8).
    """
    try:
        response: Json = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedResponse("the function's result is not JSON") from error
    if not isinstance(response, dict):
        raise MalformedResponse("the function's result is not an object with a statusCode")
    status = response.get("statusCode")
    if isinstance(status, str) and status.isascii() and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or not _MIN_STATUS <= status <= _MAX_STATUS:
        raise MalformedResponse(f"statusCode is {status!r}, not an integer from 100 to 599")
    body = response.get("body")
    if body is not None and not isinstance(body, str):
        raise MalformedResponse("body is not a string")
    headers = response.get("headers")
    if headers is not None and not isinstance(headers, dict):
        raise MalformedResponse("headers is not an object")
    return ProxyResponse(status, body, headers or _NO_HEADERS)


def write_error_frame(message: str, connection_id: str, request_id: str) -> bytes:
    """Write the frame that tells a client of an error, byte for byte (gateway-spec 7)."""
    return (
        f'{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    ).encode()
