"""`AWS_PROXY`: a function gets the event, and what it returns is the answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from local_gateway.integration import (
    FunctionFailed,
    IntegrationError,
    NotInvocable,
    read_proxy_response,
)
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from local_gateway.integration import Call, FunctionRunner
    from local_gateway.lambdas.result import InvokeResult


class LambdaProxyTarget:
    """One function of the template behind a route."""

    __slots__ = ("_function", "_functions", "timeout_ms")

    def __init__(self, functions: FunctionRunner, function: str, timeout_ms: int) -> None:
        """Take what runs the functions, and the logical id of this one."""
        self._functions = functions
        self._function = function
        self.timeout_ms = timeout_ms

    def begin(self, call: Call) -> None:
        """See `Target`."""
        self._functions.submit(self._function, call.write_event(), partial(self._settle, call))

    def _settle(self, call: Call, result: InvokeResult | InvocationRefused) -> None:
        if isinstance(result, InvocationRefused):
            call.fail(NotInvocable(str(result)))
        elif result.function_error is not None:
            call.fail(FunctionFailed(f"{self._function} answered {result.function_error}"))
        else:
            try:
                response = read_proxy_response(result.payload)
            except IntegrationError as error:
                call.fail(error)
            else:
                call.settle(response)
