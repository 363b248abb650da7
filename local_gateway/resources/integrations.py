"""`AWS::ApiGatewayV2::Integration`, and which function its URI means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway.api import LambdaProxy

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_KIND: Final = "AWS::ApiGatewayV2::Integration"
_INVOCATIONS: Final = re.compile(
    r"arn:[^:]*:apigateway:[^:]*:lambda:path/2015-03-31/functions/(?P<function>.+)/invocations"
)
_TARGET: Final = re.compile(r"integrations/(?P<id>[^/]+)")

WEBSOCKET_TIMEOUT_MS: Final = 29_000
HTTP_TIMEOUT_MS: Final = 30_000
"""Defaults and most of `TimeoutInMillis`."""


def target_of(
    route: Properties, api: str, declarations: Declarations, *, is_http: bool
) -> LambdaProxy | None:
    """Return the integration that a route's `Target` names, None without a target.

    Raises:
        TemplateError: The target is no integration of this API.
        UnsupportedFeature: The integration isn't an AWS_PROXY to a function of the template.
    """
    target = route.optional_text("Target")
    if target is None:
        return None
    match = _TARGET.fullmatch(target)
    logical_id = declarations.find(_KIND, match["id"]) if match else None
    if logical_id is None:
        raise route.error(
            "Target",
            f"is {target!r}, no integration of this template",
            allowed="integrations/ and the Ref of an AWS::ApiGatewayV2::Integration",
        )
    properties = declarations.properties(logical_id)
    if properties.text("ApiId") != declarations.id(api):
        raise route.error("Target", f"{logical_id} is an integration of another API than {api}")
    return _read(logical_id, properties, declarations, is_http=is_http)


def function_of(properties: Properties, name: str, uri: str, declarations: Declarations) -> str:
    """Return the logical id of the function that a URI or ARN names, in property `name`.

    Raises:
        UnsupportedFeature: It is no function of this template.
    """
    if "${stageVariables." in uri:
        raise properties.unsupported(
            name, f"is {uri!r}, with a stage variable", allowed="the ARN of a function"
        )
    match = _INVOCATIONS.fullmatch(uri)
    function = declarations.find_function(match["function"] if match else uri)
    if function is None:
        raise properties.unsupported(
            name, f"is {uri!r}", allowed="the ARN of a function of this template"
        )
    return function


def _read(
    logical_id: str, properties: Properties, declarations: Declarations, *, is_http: bool
) -> LambdaProxy:
    kind = properties.text("IntegrationType")
    if kind != "AWS_PROXY":
        raise properties.unsupported("IntegrationType", f"is {kind}", allowed="AWS_PROXY")
    if properties.has("IntegrationSubtype"):
        subtype = properties.text("IntegrationSubtype")
        raise properties.unsupported(
            "IntegrationSubtype", f"is {subtype}", allowed="none, with a function in IntegrationUri"
        )
    if properties.text("ConnectionType", "INTERNET") != "INTERNET":
        raise properties.unsupported("ConnectionType", "is VPC_LINK", allowed="INTERNET")
    if properties.has("ContentHandlingStrategy"):
        strategy = properties.text("ContentHandlingStrategy")
        raise properties.unsupported("ContentHandlingStrategy", f"is {strategy}", allowed="none")
    if properties.has("RequestParameters") or properties.has("ResponseParameters"):
        name = "RequestParameters" if properties.has("RequestParameters") else "ResponseParameters"
        raise properties.unsupported(name, "maps parameters", allowed="none")
    if is_http:
        check_payload_format(properties, "PayloadFormatVersion")
    most = HTTP_TIMEOUT_MS if is_http else WEBSOCKET_TIMEOUT_MS
    return LambdaProxy(
        logical_id=logical_id,
        function=function_of(
            properties, "IntegrationUri", properties.text("IntegrationUri"), declarations
        ),
        timeout_ms=properties.integer("TimeoutInMillis", most, least=50, most=most),
    )


def check_payload_format(properties: Properties, name: str) -> None:
    """Refuse the older payload format, which is also what a missing version means."""
    version = properties.text(name, "1.0")
    if version != "2.0":
        problem = f"is {version!r}" if properties.has(name) else "is missing, which means 1.0"
        raise properties.unsupported(name, problem, allowed="2.0")
