"""`AWS::ApiGatewayV2::Integration` behind a route of a WebSocket API: all of its types."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast, get_args

from local_gateway.api import CustomIntegration, CustomKind, LambdaProxy, Passthrough
from local_gateway.integrations import mapping
from local_gateway.resources import (
    function_uris,
    integration_responses,
    integrations,
    mapping_templates,
    service_actions,
)
from local_gateway.stage_variables import has_stage_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Integration, Stage
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_URI: Final = "IntegrationUri"
_TYPES: Final = ("AWS_PROXY", *get_args(CustomKind))
_PASSTHROUGH: Final = get_args(Passthrough)
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "ANY")
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
        function, functions = function_uris.read(properties, _URI, stages, declarations)
        return LambdaProxy(
            logical_id=logical_id,
            function=function,
            functions=functions,
            timeout_ms=timeout_ms,
            has_credentials=properties.has("CredentialsArn"),
        )
    integrations.check_connection(properties)
    custom = cast("CustomKind", kind)
    function, functions = None, MappingProxyType[str, str]({})
    service = service_actions.read(properties, _URI, declarations) if custom == "AWS" else None
    if custom == "AWS" and service is None:
        function, functions = function_uris.read(properties, _URI, stages, declarations)
    is_http = custom in {"HTTP", "HTTP_PROXY"}
    parameters = _parameters(properties, has_function=function is not None)
    templates = mapping_templates.read(properties, "RequestTemplates")
    if custom == "HTTP_PROXY" and templates:
        declarations.ignore(
            logical_id,
            "RequestTemplates: a proxy integration passes the message as it is",
            kind=integrations.INTEGRATION,
        )
    elif mapping_templates.unselected(properties, templates):
        declarations.ignore(
            logical_id,
            f"RequestTemplates: {mapping_templates.UNSELECTED}",
            kind=integrations.INTEGRATION,
        )
    if service is not None and service.service == "sqs":
        service_actions.check_queue_actions(properties, templates, parameters)
    return CustomIntegration(
        logical_id=logical_id,
        kind=custom,
        function=function,
        functions=functions,
        service=service,
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
        has_credentials=properties.has("CredentialsArn"),
    )


def _http_uri(
    properties: Properties, stages: Mapping[str, Stage], parameters: Mapping[str, str]
) -> str:
    uri = properties.text(_URI)
    for stage in stages.values():
        found = function_uris.on_stage(properties, _URI, stage)
        if not _HTTP.fullmatch(found):
            where = f" on the stage {stage.name}" if has_stage_variables(uri) else ""
            raise properties.error(
                _URI, f"is {found!r}{where}", allowed="an http:// or https:// URL"
            )
        for name in _PLACEHOLDER.findall(found):
            if f"integration.request.path.{name}" not in parameters:
                raise properties.error(
                    _URI,
                    f"holds {{{name}}}, which RequestParameters has no "
                    f"integration.request.path.{name} for",
                )
    return uri


def _parameters(properties: Properties, *, has_function: bool) -> Mapping[str, str]:
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
        if has_function:
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
