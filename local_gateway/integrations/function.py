"""`AWS` with a function: it gets what the request template wrote, and no proxy event."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import orjson

from local_gateway.integration import NotInvocable
from local_gateway.integrations.backend import BackendResponse
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from local_gateway.integration import FunctionRunner
    from local_gateway.integrations.backend import BackendRequest, Settle
    from local_gateway.lambdas.result import InvokeResult

_OK = 200
_EMPTY = b"{}"


class FunctionBackend:
    """One function of the template.

    Its error is an answer like any other: the key of an integration response matches its message.
    """

    __slots__ = ("_function", "_functions")

    def __init__(self, functions: FunctionRunner, function: str) -> None:
        """Take what runs the functions, and the logical id of this one."""
        self._functions = functions
        self._function = function

    def send(self, request: BackendRequest, settle: Settle) -> None:
        """See `Backend`."""
        payload = request.body.encode() or _EMPTY
        try:
            orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            settle(NotInvocable(f"Lambda takes only JSON, and the request is none: {error}"))
            return
        self._functions.submit(self._function, payload, partial(_settle, settle))


def _settle(settle: Settle, result: InvokeResult | InvocationRefused) -> None:
    if isinstance(result, InvocationRefused):
        settle(NotInvocable(str(result)))
    else:
        selector = _error_message(result.payload)
        settle(BackendResponse(_OK, result.payload, selector=selector))


def _error_message(payload: bytes) -> str:
    """Return `$integration.response.body.errorMessage`, nothing if there is none."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(value, dict):
        return ""
    message = cast("dict[str, object]", value).get("errorMessage")
    return message if isinstance(message, str) else ""
