"""What a route calls, as the rest of the gateway sees it: a call that begins and is settled.

What can go wrong, and what the client is told (CONNECT-8 to CONNECT-13, FRAME-3 to FRAME-6):

    IntegrationError           abstract; `answer` refuses a handshake, `message` goes into a frame
    ├── FunctionFailed         502 Internal server error: the function raised, crashed or timed out
    ├── MalformedResponse      502 Internal server error: not a Lambda proxy response
    ├── NotInvocable           500 Internal server error: Lambda refused the call
    ├── TemplateFailed         500 Internal server error: a mapping template can't be evaluated
    ├── NoIntegrationResponse  500 Internal server error: none takes the back-end's answer
    ├── BackendUnreachable     504 Network error communicating with endpoint
    ├── IntegrationTimeout     504 Endpoint request timed out: no answer in time
    ├── UnsupportedMediaType   415 Unsupported Media Type: no template, and nothing passes through
    └── RequestRefused         abstract; the integration doesn't hear of it
        ├── InvalidRequestBody 400 Invalid request body: no model allows it
        ├── MissingParameters  400 Missing required request parameters: […]
        └── Throttled          429 Too Many Requests

None of them closes a connection.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias

import orjson

from local_gateway import why
from local_gateway.answer import (
    BAD_GATEWAY,
    BAD_REQUEST,
    GATEWAY_TIMEOUT,
    INTERNAL_SERVER_ERROR,
    NETWORK_ERROR,
    TOO_MANY_REQUESTS,
    UNSUPPORTED_MEDIA_TYPE,
    Answer,
    error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.event import Caller, Handshake, Request
    from local_gateway.lambdas.result import InvocationRefused, InvokeResult

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_NO_HEADERS: Mapping[str, Json] = MappingProxyType({})
_MIN_STATUS, _MAX_STATUS = 100, 599
_MIN_SUCCESS, _MAX_SUCCESS = 200, 299


class FunctionRunner(Protocol):
    """What runs the functions of calls, which don't wait in a task of their own."""

    def submit(
        self,
        function: str,
        payload: bytes,
        settle: Callable[[InvokeResult | InvocationRefused], None],
        *,
        request_id: str | None = None,
    ) -> None:
        """Invoke the function with this logical id, and call `settle` once with what came of it.

        That may be before this returns. `settle` must raise nothing.
        """
        ...


class Functions(Protocol):
    """What runs the functions for those who wait."""

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

    answer: Answer = BAD_GATEWAY
    message: ClassVar[str] = "Internal server error"
    reason: ClassVar[why.Reason | None] = why.INTEGRATION_FAILED
    """What the developer is told, None if the function's log says more."""


class FunctionFailed(IntegrationError):
    """The function raised, crashed or ran into its own timeout."""

    reason = None


class MalformedResponse(IntegrationError):
    """The function returned something else than a Lambda proxy response."""

    reason = why.MALFORMED_RESPONSE


class NotInvocable(IntegrationError):
    """Lambda did not run the function."""

    answer = INTERNAL_SERVER_ERROR
    reason = why.NOT_INVOCABLE


class IntegrationTimeout(IntegrationError):
    """The integration's timeout passed; the function goes on and nobody hears of it."""

    answer = GATEWAY_TIMEOUT
    message = "Endpoint request timed out"
    reason = why.INTEGRATION_TIMEOUT


class TemplateFailed(IntegrationError):
    """A mapping template, or a conversion, can't be applied to this request or answer."""

    answer = INTERNAL_SERVER_ERROR
    reason = why.TEMPLATE_FAILED


class NoIntegrationResponse(IntegrationError):
    """No integration response is for what the back-end answered."""

    answer = INTERNAL_SERVER_ERROR
    reason = why.NO_INTEGRATION_RESPONSE


class BackendUnreachable(IntegrationError):
    """An HTTP back-end refused the connection, cut it, or sent what isn't HTTP."""

    answer = NETWORK_ERROR
    message = "Network error communicating with endpoint"
    reason = why.BACKEND_UNREACHABLE


class UnsupportedMediaType(IntegrationError):
    """No request template has the selected key, and `PassthroughBehavior` lets nothing through."""

    answer = UNSUPPORTED_MEDIA_TYPE
    message = "Unsupported Media Type"
    reason = why.NOTHING_PASSES_THROUGH


class RequestRefused(IntegrationError):
    """A request is turned away in front of the integration."""

    answer = BAD_REQUEST


class InvalidRequestBody(RequestRefused):
    """No model of the route allows the message."""

    message = "Invalid request body"
    reason = why.INVALID_REQUEST_BODY


class MissingParameters(RequestRefused):
    """A handshake lacks parameters that `$connect` requires."""

    def __init__(self, names: list[str]) -> None:
        """Take their names."""
        problem = f"Missing required request parameters: [{', '.join(names)}]"
        super().__init__(problem)
        self.answer = error(400, "BadRequestException", problem)


class Throttled(RequestRefused):
    """A throttle of the stage or the route has no token left."""

    answer = TOO_MANY_REQUESTS
    message = "Too Many Requests"
    reason = why.THROTTLED


class ProxyResponse(NamedTuple):
    """What a function returned, in the shape of the Lambda proxy integration."""

    status: int
    body: str | None = None
    """None if it is absent or null."""
    headers: Mapping[str, Json] = _NO_HEADERS
    """As returned, in any case."""


class Call(ABC):
    """One call of a route's integration: what it is for, and who gets the answer.

    There is a subclass for each type of event. What only one of them has is None in the others.
    """

    __slots__ = ("request",)

    request: Request
    """Its id and time."""

    @property
    @abstractmethod
    def caller(self) -> Caller:
        """Return whose connection it is."""

    @property
    def text(self) -> str | None:
        """Return the message, of a message."""
        return None

    @property
    def message_id(self) -> str | None:
        """Return the message's id, of a message."""
        return None

    @property
    def handshake(self) -> Handshake | None:
        """Return the client's request, of a handshake."""
        return None

    @abstractmethod
    def write_event(self) -> bytes:
        """Return the proxy event."""

    @abstractmethod
    def settle(self, response: ProxyResponse) -> None:
        """Take the answer."""

    @abstractmethod
    def fail(self, error: IntegrationError) -> None:
        """Learn that there is none."""


class Target(Protocol):
    """An integration, compiled for one stage.

    Whoever begins a call sees to its timeout: an answer that comes later is settled all the same,
    and `settle` ignores it.
    """

    @property
    def timeout_ms(self) -> int:
        """How long the caller waits."""
        ...

    def begin(self, call: Call) -> None:
        """Start a call. `call.settle` or `call.fail` follows, once, perhaps before this returns."""
        ...


def read_proxy_response(payload: bytes) -> ProxyResponse:
    """Read `{"statusCode": …, "headers": …, "body": …, "isBase64Encoded": …}`.

    Raises:
        MalformedResponse: It is no JSON object, `statusCode` is missing or no status, `body` is
            not a string, or `headers` is not an object (CONNECT-9, REPLY-7).
    """
    try:
        response: Json = orjson.loads(payload)
    except orjson.JSONDecodeError as problem:
        raise MalformedResponse("the function's result is not JSON") from problem
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


def is_success(status: int) -> bool:
    """Tell whether a status is a 2xx."""
    return _MIN_SUCCESS <= status <= _MAX_SUCCESS


def write_error_frame(message: str, connection_id: str, request_id: str) -> bytes:
    """Write the frame that tells a client of an error, byte for byte (FRAME-1)."""
    return (
        f'{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    ).encode()
