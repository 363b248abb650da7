from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.event import Caller, Request, write_identity
from local_gateway.integration import (
    Call,
    FunctionFailed,
    IntegrationError,
    MalformedResponse,
    NotInvocable,
    ProxyResponse,
)
from local_gateway.integrations.lambda_proxy import LambdaProxyTarget
from tests.fakes.functions import RecordingFunctions

if TYPE_CHECKING:
    from tests.fakes.functions import Event


class RecordingCall(Call):
    """A call whose outcome can be waited for."""

    def __init__(self) -> None:
        self.request = Request("request", 0)
        self.outcome: asyncio.Future[ProxyResponse] = asyncio.get_running_loop().create_future()

    @property
    def caller(self) -> Caller:
        return Caller("QyUg1czHCYcCHXw=", 0, write_identity("192.0.2.40", None))

    def write_event(self) -> bytes:
        return orjson.dumps({"text": "hello"})

    def settle(self, response: ProxyResponse) -> None:
        self.outcome.set_result(response)

    def fail(self, error: IntegrationError) -> None:
        self.outcome.set_exception(error)


async def outcome_of(functions: RecordingFunctions) -> ProxyResponse:
    call = RecordingCall()
    LambdaProxyTarget(functions, "ask", 29_000).begin(call)
    return await call.outcome


async def test_function_gets_the_event_and_its_answer_comes_back() -> None:
    functions = RecordingFunctions(ask=lambda event: {"statusCode": 200, "body": event["text"]})

    response = await outcome_of(functions)

    assert response == ProxyResponse(200, "hello")


async def test_function_that_raises_has_failed() -> None:
    def fail(event: Event) -> None:
        raise ValueError(event)

    with pytest.raises(FunctionFailed, match="ask answered Unhandled"):
        await outcome_of(RecordingFunctions(ask=fail))


async def test_function_that_is_refused_is_not_invocable() -> None:
    with pytest.raises(NotInvocable, match="no function ask"):
        await outcome_of(RecordingFunctions())


async def test_function_that_returns_something_else_is_malformed() -> None:
    with pytest.raises(MalformedResponse, match="not an object"):
        await outcome_of(RecordingFunctions(ask=lambda _: ["statusCode"]))
