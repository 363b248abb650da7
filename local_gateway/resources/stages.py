"""`AWS::ApiGatewayV2::Stage`, of both kinds of API."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.api import Stage, Throttle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_KIND: Final = "AWS::ApiGatewayV2::Stage"
_DEPLOYMENT: Final = "AWS::ApiGatewayV2::Deployment"
_BURST, _RATE = "ThrottlingBurstLimit", "ThrottlingRateLimit"
_THROTTLES: Final = (_BURST, _RATE)
_MAX_BURST: Final = 2**31 - 1
_HEALTH_CHECKS: Final = ("ping", "sping")


def read(api: str, declarations: Declarations, *, is_http: bool) -> dict[str, Stage]:
    """Return the stages of an API by name.

    Raises:
        TemplateError: The API has no stage, so that no client could reach it, or a name is wrong.
        UnsupportedFeature: A stage of an HTTP API limits the rate of requests.
    """
    stages: dict[str, Stage] = {}
    api_id = declarations.id(api)
    for _, properties in declarations.of_type(_KIND):
        if properties.text("ApiId") != api_id:
            continue
        name = _name(properties, is_http=is_http)
        if name in stages:
            raise properties.error("StageName", f"the API {api} has a stage {name!r} already")
        stages[name] = Stage(
            name=name,
            variables=MappingProxyType(_variables(properties)),
            throttle=_throttle(properties.mapping("DefaultRouteSettings"), is_http=is_http),
            route_throttles=MappingProxyType(_route_throttles(properties, is_http=is_http)),
            deployment=_deployment(properties, declarations),
        )
    if not stages:
        raise declarations.properties(api).place.error(
            "no AWS::ApiGatewayV2::Stage has this API, so nobody could reach it"
        )
    return stages


def _name(properties: Properties, *, is_http: bool) -> str:
    name = properties.text("StageName")
    if not (_NAME.fullmatch(name) or (is_http and name == "$default")):
        allowed = "up to 128 letters, digits, - and _" + (", or $default" if is_http else "")
        raise properties.error("StageName", f"is {name!r}", allowed=allowed)
    if name in _HEALTH_CHECKS and not is_http:
        raise properties.error(
            "StageName", f"is {name!r}, a path of API Gateway's own health checks (ENDPOINT-5)"
        )
    return name


def _variables(properties: Properties) -> dict[str, str]:
    variables = properties.mapping("StageVariables")
    return {name: variables.text(name) for name in variables} if variables else {}


def _deployment(properties: Properties, declarations: Declarations) -> str | None:
    if properties.boolean("AutoDeploy"):
        return None
    deployment = properties.optional_text("DeploymentId")
    return declarations.find(_DEPLOYMENT, deployment) if deployment else None


def check_route_throttles(
    api: str, stages: Mapping[str, Stage], routes: Iterable[str], declarations: Declarations
) -> None:
    """Check that a stage throttles routes that are there.

    Raises:
        TemplateError: It names another one.
    """
    keys = tuple(routes)
    for _, properties in declarations.of_type(_KIND):
        if properties.text("ApiId") != declarations.id(api):
            continue
        for key in stages[properties.text("StageName")].route_throttles:
            if key not in keys:
                raise properties.error(
                    "RouteSettings", f"names {key!r}, no route of {api}", allowed=", ".join(keys)
                )


def _throttle(settings: Properties | None, *, is_http: bool) -> Throttle | None:
    if settings is None or not any(settings.has(name) for name in _THROTTLES):
        return None
    if is_http:
        name = next(name for name in _THROTTLES if settings.has(name))
        raise settings.unsupported(name, f"is {settings.text(name)}", allowed="no throttling")
    return Throttle(
        rate=settings.optional_number(_RATE, least=0.0),
        burst=settings.optional_integer(_BURST, least=0, most=_MAX_BURST),
    )


def _route_throttles(properties: Properties, *, is_http: bool) -> dict[str, Throttle]:
    by_route = properties.section("RouteSettings")
    throttles: dict[str, Throttle] = {}
    for key in by_route:
        throttle = _throttle(by_route.mapping(key), is_http=is_http)
        if throttle is not None:
            throttles[key] = throttle
    return throttles
