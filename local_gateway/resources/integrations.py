"""`AWS::ApiGatewayV2::Integration`, and which function its URI means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway.api import LambdaProxy
from local_gateway.stage_variables import has_stage_variables

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

INTEGRATION: Final = "AWS::ApiGatewayV2::Integration"
_INVOCATIONS: Final = re.compile(
    r"arn:[^:]*:apigateway:[^:]*:lambda:path/2015-03-31/functions/(?P<function>.+)/invocations"
)
_TARGET: Final = re.compile(r"integrations/(?P<id>[^/]+)")

WEBSOCKET_TIMEOUT_MS: Final = 29_000
HTTP_TIMEOUT_MS: Final = 30_000
"""Defaults and most of `TimeoutInMillis`."""


def find_target(
    route: Properties, api: str, declarations: Declarations
) -> tuple[str, Properties] | None:
    """Return the integration that a route's `Target` names, None without a target.

    Raises:
        TemplateError: The target is no integration of this API.
    """
    target = route.optional_text("Target")
    if target is None:
        return None
    match = _TARGET.fullmatch(target)
    logical_id = declarations.find(INTEGRATION, match["id"]) if match else None
    if logical_id is None:
        raise route.error(
            "Target",
            f"is {target!r}, no integration of this template",
            allowed="integrations/ and the Ref of an AWS::ApiGatewayV2::Integration",
        )
    properties = declarations.properties(logical_id)
    if properties.text("ApiId") != declarations.id(api):
        raise route.error("Target", f"{logical_id} is an integration of another API than {api}")
    return logical_id, properties


def function_of(properties: Properties, name: str, uri: str, declarations: Declarations) -> str:
    """Return the logical id of the function that a URI or ARN names, in property `name`.

    Raises:
        UnsupportedFeature: It is no function of this template.
    """
    match = _INVOCATIONS.fullmatch(uri)
    function = declarations.find_function(match["function"] if match else uri)
    if function is None:
        raise properties.unsupported(
            name, f"is {uri!r}", allowed="the ARN of a function of this template"
        )
    return function


def read_http(logical_id: str, properties: Properties, declarations: Declarations) -> LambdaProxy:
    """Return an integration of an HTTP API.

    Raises:
        UnsupportedFeature: It isn't an AWS_PROXY to a function of the template.
    """
    kind = properties.text("IntegrationType")
    if kind != "AWS_PROXY":
        raise properties.unsupported("IntegrationType", f"is {kind}", allowed="AWS_PROXY")
    check_proxy(properties)
    check_payload_format(properties, "PayloadFormatVersion")
    uri = properties.text("IntegrationUri")
    if has_stage_variables(uri):
        raise properties.unsupported(
            "IntegrationUri", f"is {uri!r}, with a stage variable", allowed="the ARN of a function"
        )
    return LambdaProxy(
        logical_id=logical_id,
        function=function_of(properties, "IntegrationUri", uri, declarations),
        timeout_ms=properties.integer(
            "TimeoutInMillis", HTTP_TIMEOUT_MS, least=50, most=HTTP_TIMEOUT_MS
        ),
    )


def check_proxy(properties: Properties) -> None:
    """Refuse what an integration with a function can't have here.

    Raises:
        UnsupportedFeature: It has it.
    """
    check_connection(properties)
    if properties.has("IntegrationSubtype"):
        subtype = properties.text("IntegrationSubtype")
        raise properties.unsupported(
            "IntegrationSubtype", f"is {subtype}", allowed="none, with a function in IntegrationUri"
        )
    if properties.has("ContentHandlingStrategy"):
        strategy = properties.text("ContentHandlingStrategy")
        if strategy != "CONVERT_TO_TEXT":  # which a message is already
            raise properties.unsupported(
                "ContentHandlingStrategy", f"is {strategy}", allowed="CONVERT_TO_TEXT"
            )
    for name in ("RequestParameters", "ResponseParameters"):
        if properties.mapping(name):
            raise properties.unsupported(name, "maps parameters", allowed="none")


def check_connection(properties: Properties) -> None:
    """Refuse back-ends in a VPC, which only AWS can reach.

    Raises:
        UnsupportedFeature: It is one.
    """
    if properties.choice("ConnectionType", ("INTERNET", "VPC_LINK"), "INTERNET") != "INTERNET":
        raise properties.unsupported("ConnectionType", "is VPC_LINK", allowed="INTERNET")


def check_payload_format(properties: Properties, name: str) -> None:
    """Refuse the older payload format, which is also what a missing version means."""
    version = properties.text(name, "1.0")
    if version != "2.0":
        problem = f"is {version!r}" if properties.has(name) else "is missing, which means 1.0"
        raise properties.unsupported(name, problem, allowed="2.0")
