"""Whether API Gateway may invoke a function: `AWS::Lambda::Permission`, and roles in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway.authorization.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_gateway.api import Application, Authorizer, Route, Stage, WebSocketApi


class Permissions:
    """The permissions of an application's functions for API Gateway."""

    __slots__ = ("_account", "_found")

    def __init__(self, application: Application) -> None:
        """Take the permissions."""
        me = application.identity
        self._account = f"arn:{me.partition}:execute-api:{me.region}:{me.account_id}"
        self._found = application.permissions

    def route_arn(self, api: WebSocketApi, stage: Stage, route_key: str) -> str:
        """Return the source of an invocation by a route, and what a policy has to allow."""
        return f"{self._account}:{api.api_id}/{stage.name}/{route_key}"

    def authorizer_arn(self, api: WebSocketApi, authorizer: Authorizer) -> str:
        """Return the source of an invocation as an authorizer."""
        return f"{self._account}:{api.api_id}/authorizers/{authorizer.authorizer_id}"

    def lets_serve(self, api: WebSocketApi, stage: Stage, route: Route) -> bool:
        """Tell whether the function behind a route, if there is one, may be invoked for it."""
        integration = route.integration
        function = None if integration is None else integration.function
        if integration is None or function is None or integration.has_credentials:
            return True
        function = integration.functions.get(stage.name, function)
        return self._allow(function, self.route_arn(api, stage, route.route_key))

    def lets_authorize(self, api: WebSocketApi, stage: Stage, authorizer: Authorizer) -> bool:
        """Tell whether the function of an authorizer may be invoked."""
        return authorizer.has_credentials or self._allow(
            authorizer.function_in(stage.name), self.authorizer_arn(api, authorizer)
        )

    def _allow(self, function: str, source_arn: str) -> bool:
        return any(
            matches(pattern, source_arn) for name, pattern in self._found if name == function
        )


def find_missing(application: Application) -> Mapping[str, tuple[str, ...]]:
    """Return the functions that lack a permission, each with the sources that it lacks one for."""
    found: dict[str, tuple[str, ...]] = {}
    for function, source in _lacking(application, Permissions(application)):
        if source not in found.get(function, ()):
            found[function] = (*found.get(function, ()), source)
    return found


def _lacking(application: Application, permissions: Permissions) -> Iterator[tuple[str, str]]:
    for api in application.websocket_apis.values():
        for stage in api.stages.values():
            for route in api.routes.values():
                integration, authorizer = route.integration, route.authorizer
                function = integration.function if integration else None
                if integration and function and not permissions.lets_serve(api, stage, route):
                    yield (
                        integration.functions.get(stage.name, function),
                        permissions.route_arn(api, stage, route.route_key),
                    )
                if authorizer and not permissions.lets_authorize(api, stage, authorizer):
                    yield (
                        authorizer.function_in(stage.name),
                        permissions.authorizer_arn(api, authorizer),
                    )
