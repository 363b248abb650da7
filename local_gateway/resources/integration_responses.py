"""`AWS::ApiGatewayV2::IntegrationResponse`: what becomes of a back-end's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.api import IntegrationResponse
from local_gateway.regexes import compile_pattern
from local_gateway.resources import mapping_templates
from local_gateway.resources.integrations import INTEGRATION

if TYPE_CHECKING:
    from local_gateway.api import CustomKind
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_KIND: Final = "AWS::ApiGatewayV2::IntegrationResponse"


def read(
    integration: str, kind: CustomKind, declarations: Declarations
) -> tuple[IntegrationResponse, ...]:
    """Return the responses of one integration, in the order of the file.

    Raises:
        TemplateError: A property is wrong, or a key stands twice.
        UnsupportedFeature: A response asks for what isn't emulated.
    """
    if kind == "HTTP_PROXY":
        return ()
    found: dict[str, IntegrationResponse] = {}
    for logical_id, properties in declarations.of_type(_KIND):
        integration_id = properties.text("IntegrationId")
        owner = declarations.find(INTEGRATION, integration_id)
        if owner is None:
            raise properties.error(
                "IntegrationId", f"is {integration_id!r}, no integration of this template"
            )
        if owner != integration:
            continue
        response = _read_one(logical_id, properties, kind, declarations)
        if response.key in found:
            raise properties.error(
                "IntegrationResponseKey", f"{integration} has {response.key!r} already"
            )
        found[response.key] = response
    return tuple(found.values())


def _read_one(
    logical_id: str, properties: Properties, kind: CustomKind, declarations: Declarations
) -> IntegrationResponse:
    if properties.mapping("ResponseParameters"):
        declarations.ignore(
            logical_id, "ResponseParameters: a message to a client has no headers", kind=_KIND
        )
    templates = mapping_templates.read(properties, "ResponseTemplates")
    if mapping_templates.unselected(properties, templates):
        declarations.ignore(
            logical_id, f"ResponseTemplates: {mapping_templates.UNSELECTED}", kind=_KIND
        )
    return IntegrationResponse(
        key=_key(properties),
        template_selection=mapping_templates.read_selection(properties, of_response=True),
        templates=templates,
        is_binary=_is_binary(properties, kind),
    )


def _key(properties: Properties) -> str:
    name = "IntegrationResponseKey"
    key = properties.text(name)
    if len(key) > 1 and key.startswith("/") and key.endswith("/"):
        try:
            compile_pattern(key[1:-1])
        except ValueError as error:
            raise properties.error(name, f"is {key!r}, which {error}") from error
    elif not key or (key.startswith("$") and key != "$default"):
        raise properties.error(
            name, f"is {key!r}", allowed="$default, /regular expression/, a text"
        )
    return key


def _is_binary(properties: Properties, kind: CustomKind) -> bool:
    name = "ContentHandlingStrategy"
    if not properties.has(name):
        return False
    strategy = properties.choice(name, ("CONVERT_TO_BINARY", "CONVERT_TO_TEXT"))
    if strategy != "CONVERT_TO_TEXT" or kind != "HTTP":
        raise properties.unsupported(
            name,
            f"is {strategy}, and the integration is of type {kind}",
            allowed="CONVERT_TO_TEXT for HTTP",
        )
    return True
