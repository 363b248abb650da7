"""What decides about access in one run of the emulator, shared by all stages and both fronts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway import why
from local_gateway.authorization.authorizers import StageAuthorizer
from local_gateway.authorization.gate import Gate
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
        self.identity = application.identity
        self.keeps_context_types = keeps_context_types
        self._is_strict = is_strict
        self._planned = (application.api_keys, application.usage_plans)
        self.plans = UsagePlans(application)
        self.signatures = Signatures(
            credentials,
            region=application.identity.region,
            is_strict=is_strict,
            says=self.why,
        )
        self.reload(application)

    def reload(self, application: Application) -> None:
        """Go by a changed template from now on; what has been used of unchanged plans counts on."""
        planned = (application.api_keys, application.usage_plans)
        if planned != self._planned:
            self._planned = planned
            self.plans = UsagePlans(application)
        self.permissions = Permissions(application)
        for function, sources in find_missing(application).items():
            shown = ", ".join(sources)
            self.why.say(why.PERMISSION_MISSING, f"function {function}", sources=shown)

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
