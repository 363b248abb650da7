"""The OpenAPI document of an HTTP API, as far as API Gateway reads it.

Developer guide, "OpenAPI extensions": `x-amazon-apigateway-integration`,
`x-amazon-apigateway-any-method`; the path `/$default` or `$default` is the route that gets what no
other does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.api import HttpRoute, LambdaProxy
from local_gateway.resources import integrations

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_ANY: Final = "x-amazon-apigateway-any-method"
_INTEGRATION: Final = "x-amazon-apigateway-integration"
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


def read_title(body: Properties) -> str | None:
    """Return the API's name."""
    info = body.mapping("info")
    return info.optional_text("title") if info else None


def read_routes(api: str, body: Properties, declarations: Declarations) -> list[HttpRoute]:
    """Return the routes of the document's paths.

    Raises:
        TemplateError: A path or its integration is wrong.
        UnsupportedFeature: An operation has an authorizer, or another integration than a function.
    """
    paths = body.mapping("paths")
    found: list[HttpRoute] = []
    is_closed = bool(body.value("security"))
    for path in paths or ():
        operations = paths.mapping(path) if paths else None
        if operations is None:
            continue
        if not path.startswith("/") and path != "$default":
            raise operations.place.error("is no path", allowed="a text with / in front, $default")
        for method in operations:
            if method.lower() not in {*_METHODS, _ANY}:
                continue  # parameters, summary and the like
            operation = operations.mapping(method)
            if operation is None:
                continue
            _check_security(operation, is_closed=is_closed)
            found.append(
                HttpRoute(
                    method="ANY" if method.lower() == _ANY else method.upper(),
                    path="$default" if path == "/$default" else path,
                    integration=_integration(api, operation, declarations),
                )
            )
    return found


def _check_security(operation: Properties, *, is_closed: bool) -> None:
    own = operation.value("security")
    if own or (is_closed and own is None):
        raise operation.unsupported("security", "names an authorizer", allowed="none")


def _integration(api: str, operation: Properties, declarations: Declarations) -> LambdaProxy:
    properties = operation.mapping(_INTEGRATION)
    if properties is None:
        raise operation.error(_INTEGRATION, "is missing")
    kind = properties.text("type")
    if kind.lower() != "aws_proxy":
        raise properties.unsupported("type", f"is {kind}", allowed="aws_proxy")
    if properties.text("connectionType", "INTERNET") != "INTERNET":
        raise properties.unsupported("connectionType", "is VPC_LINK", allowed="INTERNET")
    for name in ("requestParameters", "responseParameters"):
        if properties.has(name):
            raise properties.unsupported(name, "maps parameters", allowed="none")
    integrations.check_payload_format(properties, "payloadFormatVersion")
    most = integrations.HTTP_TIMEOUT_MS
    return LambdaProxy(
        logical_id=api,
        function=integrations.function_of(properties, "uri", properties.text("uri"), declarations),
        timeout_ms=properties.integer("timeoutInMillis", most, least=50, most=most),
    )
