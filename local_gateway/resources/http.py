"""HTTP APIs: `AWS::ApiGatewayV2::Api` with `ProtocolType: HTTP`.

Their routes are resources, or stand in an OpenAPI document (`Body`), as SAM writes them from a
function's `HttpApi` events, or there is the one of a quick create (`Target`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway.api import HttpApi, HttpRoute, LambdaProxy, Stage
from local_gateway.resources import cors_settings, integrations, openapi, routes, stages

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_ROUTE_KEY: Final = re.compile(
    r"(?P<method>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) (?P<path>/\S*)"
)
_ROUTE_KEY_SHAPE: Final = "METHOD /path with a method in capital letters or ANY, $default"


def read(declarations: Declarations) -> dict[str, HttpApi]:
    """Return the HTTP APIs by logical id.

    Raises:
        TemplateError: A property is wrong or missing.
        UnsupportedFeature: A route or stage asks for what isn't emulated.
    """
    return {
        logical_id: _read_api(logical_id, properties, declarations)
        for logical_id, properties in declarations.of_type("AWS::ApiGatewayV2::Api")
        if routes.protocol(properties) == "HTTP"
    }


def _read_api(logical_id: str, properties: Properties, declarations: Declarations) -> HttpApi:
    if properties.has("BodyS3Location"):
        raise properties.unsupported("BodyS3Location", "is in S3", allowed="Body")
    body = properties.mapping("Body")
    found = _quick_create(logical_id, properties, declarations)
    cors = cors_settings.read(properties.mapping("CorsConfiguration"))
    name = properties.optional_text("Name")
    if body is not None:
        found += openapi.read_routes(logical_id, body, declarations)
        cors = cors or cors_settings.read_openapi(body)
        name = name or openapi.read_title(body)
    found += _read_routes(logical_id, declarations)
    _check_keys(found, properties)
    return HttpApi(
        logical_id=logical_id,
        api_id=declarations.id(logical_id),
        name=name or properties.text("Name"),
        routes=tuple(found),
        stage=_stage(logical_id, properties, declarations),
        cors=cors,
    )


def _read_routes(api: str, declarations: Declarations) -> list[HttpRoute]:
    found: list[HttpRoute] = []
    for _, properties in routes.of_api(api, declarations):
        routes.check_open(properties)
        method, path = _split_key(properties)
        target = integrations.find_target(properties, api, declarations)
        if target is None:
            raise properties.error("Target", "is missing")
        integration = integrations.read_http(*target, declarations)
        found.append(HttpRoute(method=method, path=path, integration=integration))
    return found


def _split_key(properties: Properties, default: str | None = None) -> tuple[str, str]:
    key = properties.text("RouteKey", default)
    if key == "$default":
        return "ANY", key
    match = _ROUTE_KEY.fullmatch(key)
    if match is None:
        raise properties.error("RouteKey", f"is {key!r}", allowed=_ROUTE_KEY_SHAPE)
    return match["method"], match["path"]


def _quick_create(
    logical_id: str, properties: Properties, declarations: Declarations
) -> list[HttpRoute]:
    """Return the route that `Target` alone makes: `RouteKey`, or `$default`."""
    target = properties.optional_text("Target")
    if target is None:
        return []
    method, path = _split_key(properties, "$default")
    function = integrations.function_of(properties, "Target", target, declarations)
    integration = LambdaProxy(
        logical_id=logical_id, function=function, timeout_ms=integrations.HTTP_TIMEOUT_MS
    )
    return [HttpRoute(method=method, path=path, integration=integration)]


def _check_keys(found: list[HttpRoute], properties: Properties) -> None:
    keys = [route.route_key for route in found]
    for key in keys:
        if keys.count(key) > 1:
            raise properties.place.error(f"there are two routes with the route key {key!r}")


def _stage(logical_id: str, properties: Properties, declarations: Declarations) -> Stage:
    """Return the one stage; a quick create makes `$default` itself."""
    declared = any(
        stage.text("ApiId") == declarations.id(logical_id)
        for _, stage in declarations.of_type("AWS::ApiGatewayV2::Stage")
    )
    if not declared and properties.has("Target"):
        return Stage(name="$default")
    found = stages.read(logical_id, declarations, is_http=True)
    if len(found) > 1:
        raise properties.place.unsupported(
            f"has {len(found)} stages, {', '.join(found)}", allowed="one stage"
        )
    return next(iter(found.values()))
