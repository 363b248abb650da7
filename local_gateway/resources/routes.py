"""`AWS::ApiGatewayV2::Route`: what WebSocket and HTTP APIs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_API: Final = "AWS::ApiGatewayV2::Api"


def protocol(api: Properties) -> str:
    """Return WEBSOCKET or HTTP; an API with an OpenAPI body is HTTP without saying so."""
    is_http = api.has("Body") or api.has("BodyS3Location")
    return api.choice("ProtocolType", ("WEBSOCKET", "HTTP"), "HTTP" if is_http else None)


def of_api(api: str, declarations: Declarations) -> Iterator[tuple[str, Properties]]:
    """Go through the routes of one API, with their logical ids.

    Raises:
        TemplateError: Some route's API is none of this template.
    """
    for logical_id, properties in declarations.of_type("AWS::ApiGatewayV2::Route"):
        api_id = properties.text("ApiId")
        if declarations.find(_API, api_id) is None:
            raise properties.error("ApiId", f"is {api_id!r}, no API of this template")
        if api_id == declarations.id(api):
            yield logical_id, properties


def check_open(route: Properties) -> None:
    """Refuse a route that asks the caller who it is.

    Raises:
        UnsupportedFeature: The route has an authorizer, or wants an API key.
    """
    kind = route.text("AuthorizationType", "NONE")
    if kind != "NONE":
        raise route.unsupported("AuthorizationType", f"is {kind}", allowed="NONE")
    if route.boolean("ApiKeyRequired"):
        raise route.unsupported("ApiKeyRequired", "is true", allowed="false")
