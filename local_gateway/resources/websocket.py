"""WebSocket APIs: `AWS::ApiGatewayV2::Api` with `ProtocolType: WEBSOCKET`, and its routes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.api import Route, WebSocketApi
from local_gateway.resources import (
    api_keys,
    authorizers,
    deployments,
    integrations,
    models,
    route_parameters,
    routes,
    stages,
    websocket_integrations,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Integration, Stage
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_LIFECYCLE: Final = ("$connect", "$disconnect", "$default")
_ROUTE: Final = "AWS::ApiGatewayV2::Route"


def read(declarations: Declarations) -> dict[str, WebSocketApi]:
    """Return the WebSocket APIs by logical id.

    Raises:
        TemplateError: A property is wrong or missing.
        UnsupportedFeature: A route or stage asks for what isn't emulated.
    """
    return {
        logical_id: _read_api(logical_id, properties, declarations)
        for logical_id, properties in declarations.of_type("AWS::ApiGatewayV2::Api")
        if routes.protocol(properties) == "WEBSOCKET"
    }


def _read_api(logical_id: str, properties: Properties, declarations: Declarations) -> WebSocketApi:
    _check_api(properties)
    found_stages = stages.read(logical_id, declarations, is_http=False)
    found_routes = _read_routes(logical_id, found_stages, declarations)
    stages.check_route_throttles(logical_id, found_stages, found_routes, declarations)
    return WebSocketApi(
        logical_id=logical_id,
        api_id=declarations.id(logical_id),
        name=properties.text("Name"),
        route_selection_expression=properties.text("RouteSelectionExpression"),
        routes=MappingProxyType(found_routes),
        stages=MappingProxyType(
            deployments.with_missing_routes(logical_id, found_stages, declarations)
        ),
        api_key_selection=properties.choice(
            "ApiKeySelectionExpression", api_keys.SELECTIONS, api_keys.SELECTIONS[0]
        ),
    )


def _check_api(properties: Properties) -> None:
    for name in ("Body", "BodyS3Location"):
        if properties.has(name):
            raise properties.error(name, "is given, which makes HTTP APIs only (TEMPLATE-10)")
    if properties.boolean("DisableExecuteApiEndpoint"):
        raise properties.unsupported(
            "DisableExecuteApiEndpoint",
            "is true, which leaves only a custom domain (DEPLOY-5)",
            allowed="false",
        )


def _read_routes(
    api: str, found_stages: Mapping[str, Stage], declarations: Declarations
) -> dict[str, Route]:
    two_way = _two_way_routes(api, declarations)
    api_models = models.read(api, declarations)
    found_authorizers = authorizers.read(api, found_stages, declarations)
    found: dict[str, Route] = {}
    for logical_id, properties in routes.of_api(api, declarations):
        key = _route_key(properties)
        if key in found:
            raise properties.error(
                "RouteKey", f"{found[key].logical_id} has the route key {key!r} already"
            )
        authorization, authorizer = authorizers.of_route(properties, key, found_authorizers)
        parameters = route_parameters.read(properties, key)
        selection, request_models = models.of_route(properties, api_models, declarations)
        if request_models and key in {"$connect", "$disconnect"}:
            raise properties.unsupported(
                "RequestModels", f"has models, and {key} has no body", allowed="none"
            )
        found[key] = Route(
            logical_id=logical_id,
            route_key=key,
            integration=_integration(properties, key, api, found_stages, declarations),
            has_route_response=logical_id in two_way,
            request_parameters=parameters,
            model_selection=selection,
            models=request_models,
            authorization=authorization,
            authorizer=authorizer,
            is_api_key_required=_is_api_key_required(properties, key),
        )
    if not found:
        raise declarations.properties(api).place.error(
            "no AWS::ApiGatewayV2::Route has this API, which can't be deployed without one"
        )
    return found


def _route_key(properties: Properties) -> str:
    key = properties.text("RouteKey")
    if not key or (key.startswith("$") and key not in _LIFECYCLE):
        raise properties.error(
            "RouteKey", f"is {key!r}", allowed=", ".join(_LIFECYCLE) + ", a text without $ in front"
        )
    return key


def _integration(
    route: Properties,
    key: str,
    api: str,
    found_stages: Mapping[str, Stage],
    declarations: Declarations,
) -> Integration | None:
    target = integrations.find_target(route, api, declarations)
    if target is None:
        return None
    logical_id, properties = target
    integration = websocket_integrations.read(logical_id, properties, found_stages, declarations)
    if key == "$connect":
        route_parameters.check_declared(route, properties, integration)
    return integration


def _is_api_key_required(properties: Properties, key: str) -> bool:
    is_required = properties.boolean("ApiKeyRequired")
    if is_required and key != "$connect":
        raise properties.error(
            "ApiKeyRequired",
            f"is true on the route {key}; only a handshake can bring a key",
            allowed="false, and true on $connect",
        )
    return is_required


def _two_way_routes(api: str, declarations: Declarations) -> set[str]:
    """Return the routes with a route response, which alone makes them two-way (REPLY-3)."""
    two_way: set[str] = set()
    for _, properties in declarations.of_type("AWS::ApiGatewayV2::RouteResponse"):
        if properties.text("ApiId") != declarations.id(api):
            continue
        route_id = properties.text("RouteId")
        route = declarations.find(_ROUTE, route_id)
        if route is None:
            raise properties.error("RouteId", f"is {route_id!r}, no route of this template")
        properties.choice("RouteResponseKey", ("$default",))
        for name in ("ModelSelectionExpression", "ResponseModels", "ResponseParameters"):
            if properties.has(name):
                raise properties.unsupported(name, "is given", allowed="none")
        two_way.add(route)
    return two_way
