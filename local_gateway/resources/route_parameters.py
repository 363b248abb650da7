"""`RequestParameters` of a route: what `$connect` takes from the handshake."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.api import CustomIntegration
from local_gateway.integrations.mapping import route_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Integration
    from local_gateway.properties import Properties

_PARAMETER: Final = re.compile(
    r"route\.request\.(?:multivalue)?(?P<kind>querystring|header)\.(?P<name>[A-Za-z0-9._$-]+)"
)
_ALLOWED: Final = "route.request.querystring.X, route.request.header.X"


def read(route: Properties, key: str) -> Mapping[str, bool]:
    """Return the parameters of a route, and whether each is required.

    Raises:
        TemplateError: A name isn't one, or the route has no handshake to take it from.
    """
    found: dict[str, bool] = {}
    declared = route.section("RequestParameters")
    for name in declared:
        match = _PARAMETER.fullmatch(name)
        if match is None:
            raise declared.error(name, "is no parameter of a request", allowed=_ALLOWED)
        if key != "$connect":
            raise declared.error(
                name,
                f"is declared for the route {key!r}, whose requests have no parameters",
                allowed="parameters of $connect",
            )
        constraints = declared.mapping(name)
        is_required = constraints is not None and constraints.boolean("Required")
        found[f"route.request.{match['kind']}.{match['name']}"] = is_required
    return MappingProxyType(found)


def check_declared(route: Properties, properties: Properties, integration: Integration) -> None:
    """Check that the route declares what its integration maps, without which AWS doesn't map it.

    Raises:
        TemplateError: A parameter isn't declared.
    """
    if not isinstance(integration, CustomIntegration):
        return
    declared = {
        f"route.request.{match['kind']}.{match['name']}"
        for name in route.section("RequestParameters")
        if (match := _PARAMETER.fullmatch(name))
    }
    for target, expression in integration.parameters.items():
        wanted = route_parameter(expression)
        if wanted is not None and wanted not in declared:
            raise (
                properties.place.at("RequestParameters")
                .at(target)
                .error(
                    f"is {expression!r}, which the route's RequestParameters don't declare",
                    allowed=f"{wanted} in the RequestParameters of {route.place.logical_id}",
                )
            )
