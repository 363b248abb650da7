"""`AWS::ApiGatewayV2::Integration` behind a route of a WebSocket API: all of its types."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast, get_args

from local_gateway.api import CustomIntegration, CustomKind, LambdaProxy, Passthrough
from local_gateway.integrations import mapping
from local_gateway.resources import integration_responses, integrations, mapping_templates
from local_gateway.stage_variables import has_stage_variables, replace_stage_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Integration, Stage
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_TYPES: Final = ("AWS_PROXY", *get_args(CustomKind))
_PASSTHROUGH: Final = get_args(Passthrough)
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "ANY")
_SERVICE: Final = re.compile(
    r"arn:[^:]*:apigateway:[^:]*:(?P<service>[^:]+):(?P<kind>action|path)/(?P<rest>.+)"
)
_HTTP: Final = re.compile(r"https?://[^/?#\s{}]+(?:[/?][^#\s]*)?", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


def read(
    logical_id: str, properties: Properties, stages: Mapping[str, Stage], declarations: Declarations
) -> Integration:
    """Return an integration.

    Raises:
        TemplateError: A property is wrong or missing.
        UnsupportedFeature: It asks for what isn't emulated.
    """
    kind = properties.choice("IntegrationType", _TYPES)
    if properties.has("CredentialsArn"):
        declarations.ignore(
            logical_id, "CredentialsArn: the role isn't assumed here", kind=integrations.INTEGRATION
        )
    timeout_ms = properties.integer(
        "TimeoutInMillis",
        integrations.WEBSOCKET_TIMEOUT_MS,
        least=50,
        most=integrations.WEBSOCKET_TIMEOUT_MS,
    )
    if kind == "AWS_PROXY":
        integrations.check_proxy(properties)
        function, functions = _functions(properties, stages, declarations)
        return LambdaProxy(
            logical_id=logical_id, function=function, functions=functions, timeout_ms=timeout_ms
        )
    integrations.check_connection(properties)
    custom = cast("CustomKind", kind)
    function, functions = None, MappingProxyType[str, str]({})
    if custom == "AWS":
        function, functions = _functions(properties, stages, declarations)
    is_http = custom in {"HTTP", "HTTP_PROXY"}
    parameters = _parameters(properties, custom)
    templates = mapping_templates.read(properties, "RequestTemplates")
    if custom == "HTTP_PROXY" and templates:
        declarations.ignore(
            logical_id,
            "RequestTemplates: a proxy integration passes the message as it is",
            kind=integrations.INTEGRATION,
        )
    return CustomIntegration(
        logical_id=logical_id,
        kind=custom,
        function=function,
        functions=functions,
        uri=_http_uri(properties, stages, parameters) if is_http else None,
        method=properties.choice("IntegrationMethod", _METHODS, "POST") if is_http else "POST",
        timeout_ms=timeout_ms,
        passthrough=cast(
            "Passthrough", properties.choice("PassthroughBehavior", _PASSTHROUGH, "WHEN_NO_MATCH")
        ),
        template_selection=mapping_templates.read_selection(properties),
        templates=templates,
        parameters=parameters,
        responses=integration_responses.read(logical_id, custom, declarations),
        is_binary=_is_binary(properties, custom),
    )


def _functions(
    properties: Properties, stages: Mapping[str, Stage], declarations: Declarations
) -> tuple[str, Mapping[str, str]]:
    """Return the function that most stages call, and those of the stages that call another."""
    uri = properties.text("IntegrationUri")
    by_stage = {
        stage.name: _function(properties, _on_stage(properties, uri, stage), declarations)
        for stage in stages.values()
    }
    first = next(iter(by_stage.values()))
    others = {stage: function for stage, function in by_stage.items() if function != first}
    return first, MappingProxyType(others)


def _function(properties: Properties, uri: str, declarations: Declarations) -> str:
    service = _SERVICE.fullmatch(uri)
    if service and service["service"] != "lambda":
        raise properties.unsupported(
            "IntegrationUri",
            f"calls {service['service']} ({service['kind']}/{service['rest']})",
            allowed="the ARN of a function of this template, which can call the service",
        )
    return integrations.function_of(properties, "IntegrationUri", uri, declarations)


def _http_uri(
    properties: Properties, stages: Mapping[str, Stage], parameters: Mapping[str, str]
) -> str:
    uri = properties.text("IntegrationUri")
    for stage in stages.values():
        found = _on_stage(properties, uri, stage)
        if not _HTTP.fullmatch(found):
            where = f" on the stage {stage.name}" if has_stage_variables(uri) else ""
            raise properties.error(
                "IntegrationUri", f"is {found!r}{where}", allowed="an http:// or https:// URL"
            )
        for name in _PLACEHOLDER.findall(found):
            if f"integration.request.path.{name}" not in parameters:
                raise properties.error(
                    "IntegrationUri",
                    f"holds {{{name}}}, which RequestParameters has no "
                    f"integration.request.path.{name} for",
                )
    return uri


def _on_stage(properties: Properties, uri: str, stage: Stage) -> str:
    try:
        return replace_stage_variables(uri, stage.variables)
    except KeyError as error:
        raise properties.error(
            "IntegrationUri",
            f"is {uri!r}, and the stage {stage.name} has no variable {error.args[0]!r}",
        ) from error


def _parameters(properties: Properties, kind: CustomKind) -> Mapping[str, str]:
    found: dict[str, str] = {}
    declared = properties.section("RequestParameters")
    for target in declared:
        try:
            mapping.read_target(target)
        except ValueError as error:
            raise declared.error(target, str(error), allowed=mapping.TARGETS) from error
        expression = declared.text(target)
        try:
            mapping.compile_expression(expression)
        except ValueError as error:
            raise declared.error(
                target, f"is {expression!r}, which {error}", allowed=mapping.SUPPORTED
            ) from error
        if kind == "AWS":
            raise declared.unsupported(target, "is given to a function", allowed="none")
        found[target] = expression
    return MappingProxyType(found)


def _is_binary(properties: Properties, kind: CustomKind) -> bool:
    if not properties.has("ContentHandlingStrategy"):
        return False
    strategy = properties.choice(
        "ContentHandlingStrategy", ("CONVERT_TO_BINARY", "CONVERT_TO_TEXT")
    )
    if strategy == "CONVERT_TO_TEXT":
        return False  # a message is text already
    if kind not in {"HTTP", "HTTP_PROXY"}:
        raise properties.unsupported(
            "ContentHandlingStrategy",
            f"is {strategy}, and the integration is of type {kind}",
            allowed="CONVERT_TO_BINARY for HTTP and HTTP_PROXY, CONVERT_TO_TEXT",
        )
    return True
