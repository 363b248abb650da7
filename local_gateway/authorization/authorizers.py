"""A REQUEST authorizer of one stage, ready to be asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from local_gateway import clock
from local_gateway.authorization.conditions import write_facts
from local_gateway.authorization.errors import AuthorizerFailed, Forbidden, Unauthorized
from local_gateway.authorization.identity_source import first_missing
from local_gateway.authorization.policy import Decision
from local_gateway.authorization.result import read_result
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from local_gateway.api import Authorizer, Stage
    from local_gateway.authorization.conditions import Json
    from local_gateway.authorization.result import AuthorizerResult
    from local_gateway.event import Caller, Events, Handshake, Request
    from local_gateway.integration import FunctionRunner
    from local_gateway.lambdas.result import InvokeResult

TIMEOUT_SECONDS: Final = 29.0
"""How long an authorizer is waited for, as an integration at most is."""

_INVOKE: Final = "execute-api:Invoke"
_UNAUTHORIZED: Final = "Unauthorized"


class Asked(NamedTuple):
    """What an authorizer said, and how long it took."""

    result: AuthorizerResult
    latency_ms: int


class StageAuthorizer:
    """Asks a function who may connect."""

    __slots__ = (
        "_authorizer",
        "_events",
        "_function",
        "_functions",
        "_is_permitted",
        "_method_arn",
        "_stage",
    )

    def __init__(
        self,
        authorizer: Authorizer,
        stage: Stage,
        *,
        method_arn: str,
        events: Events,
        functions: FunctionRunner,
        is_permitted: bool,
    ) -> None:
        """Take the authorizer and what invokes its function.

        `method_arn` is what it decides about; unless `is_permitted` the function is not invoked.
        """
        self._authorizer = authorizer
        self._stage = stage
        self._method_arn = method_arn
        self._events = events
        self._function = authorizer.function_in(stage.name)
        self._functions = functions
        self._is_permitted = is_permitted

    async def ask(self, handshake: Handshake, caller: Caller, request: Request) -> Asked:
        """Return what the authorizer says of a handshake that it lets in.

        Raises:
            Unauthorized: An identity source is missing, or the authorizer says so.
            Forbidden: Its policy doesn't allow the handshake.
            AuthorizerFailed: It has no usable answer.
        """
        self._require_identity_sources(handshake)
        event = self._events.authorizer(self._method_arn, handshake, caller, request)
        begun = clock.monotonic()
        result = read_result(self._payload_of(await self._invoke(event)))
        latency_ms = int((clock.monotonic() - begun) * 1000)
        facts = write_facts(
            source_ip=handshake.source_ip,
            user_agent=handshake.header("user-agent"),
            now_ms=request.now_ms,
        )
        decision = result.policy.decide(_INVOKE, self._method_arn, facts)
        if decision is Decision.DENIED:
            raise Forbidden(f"the policy denies {_INVOKE} on {self._method_arn}")
        if decision is Decision.UNMATCHED:
            raise Forbidden(result.policy.explain(_INVOKE, self._method_arn))
        return Asked(result, latency_ms)

    def _require_identity_sources(self, handshake: Handshake) -> None:
        sources = self._authorizer.identity_sources
        missing = first_missing(
            sources,
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in handshake.headers
            },
            query=handshake.query(),
            stage_variables=self._stage.variables,
            has_user_agent=handshake.header("user-agent") is not None,
        )
        if missing is not None:
            others = f" (all of {', '.join(sources)} are required)" if len(sources) > 1 else ""
            raise Unauthorized(f"{missing} is missing{others}, so {self._name} is not invoked")

    async def _invoke(self, event: bytes) -> InvokeResult:
        if not self._is_permitted:
            raise AuthorizerFailed(f"no permission lets API Gateway invoke {self._name}")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[InvokeResult] = loop.create_future()

        def settle(result: InvokeResult | InvocationRefused) -> None:
            if outcome.done():  # it came too late, or the emulator stops
                return
            if isinstance(result, InvocationRefused):
                outcome.set_exception(AuthorizerFailed(f"{self._name} was not invoked: {result}"))
            else:
                outcome.set_result(result)

        self._functions.submit(self._function, event, settle)
        try:
            async with clock.timeout(TIMEOUT_SECONDS):
                return await outcome
        except TimeoutError as error:
            raise AuthorizerFailed(
                f"{self._name} took more than {TIMEOUT_SECONDS:.0f} s"
            ) from error

    def _payload_of(self, result: InvokeResult) -> bytes:
        if result.function_error is None:
            return result.payload
        message = _error_message(result.payload)
        if message == _UNAUTHORIZED:
            raise Unauthorized(f"{self._name} raised {_UNAUTHORIZED}")
        hint = (
            f"; exactly {_UNAUTHORIZED!r} would be 401"
            if _UNAUTHORIZED.lower() in message.lower()
            else ""
        )
        raise AuthorizerFailed(f"{self._name} raised {message!r}{hint}")

    @property
    def _name(self) -> str:
        return f"the authorizer {self._function}"


def _error_message(payload: bytes) -> str:
    """Return `errorMessage` of what a function failed with, empty if it has none."""
    try:
        error: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ""
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return message if isinstance(message, str) else ""
