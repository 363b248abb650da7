"""`AWS::ApiGatewayV2::Stage`, of both kinds of API."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.api import Stage

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_THROTTLES: Final = ("ThrottlingBurstLimit", "ThrottlingRateLimit")


def read(api: str, declarations: Declarations, *, is_http: bool) -> dict[str, Stage]:
    """Return the stages of an API by name.

    Raises:
        TemplateError: The API has no stage, so that no client could reach it, or a name is wrong.
        UnsupportedFeature: A stage limits the rate of requests.
    """
    stages: dict[str, Stage] = {}
    api_id = declarations.id(api)
    for _, properties in declarations.of_type("AWS::ApiGatewayV2::Stage"):
        if properties.text("ApiId") != api_id:
            continue
        name = _name(properties, is_http=is_http)
        if name in stages:
            raise properties.error("StageName", f"the API {api} has a stage {name!r} already")
        stages[name] = Stage(name=name, variables=MappingProxyType(_variables(properties)))
        _check_throttles(properties)
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
    return name


def _variables(properties: Properties) -> dict[str, str]:
    variables = properties.mapping("StageVariables")
    return {name: variables.text(name) for name in variables} if variables else {}


def _check_throttles(properties: Properties) -> None:
    defaults = properties.mapping("DefaultRouteSettings")
    by_route = properties.mapping("RouteSettings")
    settings = [defaults, *(by_route.mapping(key) for key in by_route)] if by_route else [defaults]
    for setting in filter(None, settings):
        for name in _THROTTLES:
            if setting.has(name):
                raise setting.unsupported(name, f"is {setting.text(name)}", allowed="no throttling")
