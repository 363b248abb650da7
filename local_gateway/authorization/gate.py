"""What a handshake has to pass before its `$connect` is called, in this order.

API key from a header      403, 429       KEY
authorizer, or signature   401, 403, 500  AUTH, IAM
API key of the authorizer  403, 429       KEY
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from local_gateway import clock, why
from local_gateway.authorization.errors import (
    AuthorizationError,
    AuthorizerFailed,
    Forbidden,
    Unauthorized,
)
from local_gateway.authorization.identity import with_api_key
from local_gateway.authorization.result import write_context
from local_gateway.authorization.signature import SentRequest
from local_gateway.event import write_authorizer

if TYPE_CHECKING:
    from local_gateway.api import ApiKey, Route, Stage, WebSocketApi
    from local_gateway.authorization.access import Access
    from local_gateway.authorization.authorizers import Asked, StageAuthorizer
    from local_gateway.authorization.result import AuthorizerResult
    from local_gateway.event import Caller, Handshake, Request

_FROM_AUTHORIZER = "$context.authorizer.usageIdentifierKey"


class Admission(NamedTuple):
    """What the events of an admitted connection say of it."""

    on_connect: Caller
    """In CONNECT, which alone has the API key and the authorizer's latency."""
    afterwards: Caller
    """In all later events."""


class Gate:
    """Decides about the handshakes of one stage."""

    __slots__ = ("_access", "_api", "_authorizer", "_place", "_route", "_stage")

    def __init__(
        self,
        access: Access,
        api: WebSocketApi,
        stage: Stage,
        route: Route,
        authorizer: StageAuthorizer | None,
    ) -> None:
        """Take the `$connect` route, and its authorizer if it has one."""
        self._access = access
        self._api = api
        self._stage = stage
        self._route = route
        self._authorizer = authorizer
        self._place = f"stage {stage.name}"

    async def admit(self, handshake: Handshake, caller: Caller, request: Request) -> Admission:
        """Return what is known of who is let in.

        Raises:
            AuthorizationError: The handshake is refused; a line says why.
        """
        try:
            return await self._admit(handshake, caller, request)
        except AuthorizationError as error:
            self._explain(error)
            raise

    async def _admit(self, handshake: Handshake, caller: Caller, request: Request) -> Admission:
        route, access = self._route, self._access
        from_authorizer = self._api.api_key_selection == _FROM_AUTHORIZER
        key = asked = credentials = None
        if route.is_api_key_required and not from_authorizer:
            key = self._take_key(handshake.header("x-api-key"), request)
        if self._authorizer is not None:
            asked = await self._authorizer.ask(handshake, caller, request)
            self._explain_context(asked.result)
        elif route.authorization == "AWS_IAM":
            signed = SentRequest(
                "GET",
                handshake.raw_path.decode("latin-1"),
                handshake.query_string.decode("latin-1"),
                handshake.headers,
            )
            credentials = access.signatures.check(signed, self._place)
            if credentials is not None:
                arn = access.permissions.route_arn(self._api, self._stage, route.route_key)
                access.require(credentials, "execute-api:Invoke", arn)
        if route.is_api_key_required and from_authorizer:
            found = None if asked is None else asked.result.usage_identifier_key
            key = self._take_key(found, request)
        identity = caller.identity
        if credentials is not None:
            identity = access.identify(identity, credentials)
        return self._admission(replace(caller, identity=identity), key, asked)

    def _take_key(self, value: str | None, request: Request) -> ApiKey:
        return self._access.plans.take(
            value,
            api_id=self._api.api_id,
            stage=self._stage.name,
            now=clock.monotonic(),
            now_ms=request.now_ms,
        )

    def _admission(self, caller: Caller, key: ApiKey | None, asked: Asked | None) -> Admission:
        on_connect = caller
        if key is not None:
            on_connect = replace(on_connect, identity=with_api_key(caller.identity, key))
        if asked is None:
            return Admission(on_connect, caller)
        context = write_context(asked.result, keeps_types=self._access.keeps_context_types)
        timed = {**context, "integrationLatency": asked.latency_ms}
        return Admission(
            replace(on_connect, authorizer=write_authorizer(timed)),
            replace(caller, authorizer=write_authorizer(context)),
        )

    def _explain(self, error: AuthorizationError) -> None:
        says, place = self._access.why, self._place
        match error:
            case Unauthorized():
                says.say(why.UNAUTHORIZED, place, problem=error)
            case Forbidden():
                says.say(why.AUTHORIZER_DENIED, place, problem=error)
            case AuthorizerFailed():
                says.say(why.AUTHORIZER_FAILED, place, problem=error)
            case _:
                says.say(why.HANDSHAKE_REFUSED, place, problem=error, status=error.answer.status)

    def _explain_context(self, result: AuthorizerResult) -> None:
        names = [name for name, value in result.context.items() if not isinstance(value, str)]
        if names and not self._access.keeps_context_types:
            self._access.why.say(why.CONTEXT_NOT_TEXT, self._place, names=", ".join(names))
