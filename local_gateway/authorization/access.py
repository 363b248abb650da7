"""What decides about access in one run of the emulator, shared by all stages and both fronts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway import clock, why
from local_gateway.authorization.authorizers import StageAuthorizer
from local_gateway.authorization.callers import Callers
from local_gateway.authorization.errors import AccessDenied
from local_gateway.authorization.gate import Gate
from local_gateway.authorization.identity import with_signer
from local_gateway.authorization.permissions import Permissions, find_missing
from local_gateway.authorization.signatures import Signatures
from local_gateway.authorization.usage_plans import UsagePlans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_gateway.api import Application, Route, Stage, WebSocketApi
    from local_gateway.authorization.signature import Credentials
    from local_gateway.event import Events
    from local_gateway.integration import FunctionRunner


class Access:
    """Signatures, usage plans and permissions of an application."""

    def __init__(
        self,
        application: Application,
        *,
        is_strict: bool = False,
        keeps_context_types: bool = False,
        credentials: Iterable[Credentials] = (),
        says: why.Why | None = None,
    ) -> None:
        """Take what is served.

        Args:
            application: Its API keys, usage plans and permissions count.
            is_strict: Whether what AWS refuses is refused here too, where it would get in the way:
                signatures and Lambda permissions.
            keeps_context_types: Whether the values of an authorizer's context stay numbers and
                truth values.
            credentials: Whose signatures count, beside the functions' own.
            says: Takes what would surprise.
        """
        self.why = why.Why() if says is None else says
        self._identity = application.identity
        self._developers = tuple(credentials)
        self.keeps_context_types = keeps_context_types
        self._is_strict = is_strict
        self.plans = UsagePlans(application)
        self.signatures = Signatures(
            region=application.identity.region,
            is_strict=is_strict,
            says=self.why,
        )
        self.reload(application)

    def reload(self, application: Application) -> None:
        """Go by a changed template from now on; what has been used of unchanged plans counts on."""
        self.plans.reload(application)
        self.permissions = Permissions(application)
        self._callers = Callers(application, self._developers)
        self.signatures.know(self._callers.credentials)
        for function, sources in find_missing(application).items():
            shown = ", ".join(sources)
            self.why.say(why.PERMISSION_MISSING, f"function {function}", sources=shown)

    def identify(self, identity: bytes, credentials: Credentials) -> bytes:
        """Return `requestContext.identity` with who signed."""
        return with_signer(
            identity,
            credentials,
            user_arn=self._callers.user_arn(credentials),
            account_id=self._identity.account_id,
        )

    def require(
        self, credentials: Credentials, action: str, resource: str, *, shown: str | None = None
    ) -> None:
        """See to it that the caller's role allows an action on a resource.

        Args:
            credentials: The caller's.
            action: Such as `execute-api:ManageConnections`.
            resource: An ARN.
            shown: The resource as a refusal names it, if that is another text.

        Raises:
            AccessDenied: It doesn't, and that counts.
        """
        if self._callers.allow(credentials, action, resource, now_ms=clock.machine_ms()):
            return
        masked = (shown or resource).replace(
            self._identity.account_id, f"********{self._identity.account_id[-4:]}"
        )
        if self._is_strict:
            user = self._callers.user_arn(credentials)
            raise AccessDenied(user=user, action=action, resource=resource, shown=masked)
        place = f"function {credentials.function}"
        self.why.say(why.ACCESS_DENIED, place, action=action, resource=shown or resource)

    def gate(
        self, api: WebSocketApi, stage: Stage, *, events: Events, functions: FunctionRunner
    ) -> Gate | None:
        """Return what a handshake has to pass before `$connect`, None if that is nothing."""
        route = api.routes.get("$connect")
        if route is None or (route.authorization == "NONE" and not route.is_api_key_required):
            return None
        authorizer = None
        if route.authorizer is not None:
            authorizer = StageAuthorizer(
                route.authorizer,
                stage,
                method_arn=self.permissions.route_arn(api, stage, route.route_key),
                events=events,
                functions=functions,
                is_permitted=not self._is_strict
                or self.permissions.lets_authorize(api, stage, route.authorizer),
            )
        return Gate(self, api, stage, route, authorizer)

    def lets_serve(self, api: WebSocketApi, stage: Stage, route: Route) -> bool:
        """Tell whether the function behind a route may be invoked for it."""
        return not self._is_strict or self.permissions.lets_serve(api, stage, route)
