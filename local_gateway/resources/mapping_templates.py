"""`RequestTemplates`, `ResponseTemplates` and their `TemplateSelectionExpression`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from local_gateway.integrations.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.properties import Properties


def read(properties: Properties, name: str) -> Mapping[str, str]:
    r"""Return the templates by key; `\$default` is written for `$default` now and then.

    Raises:
        TemplateError: One of them isn't understood.
    """
    templates: dict[str, str] = {}
    declared = properties.section(name)
    for key in declared:
        text = declared.text(key)
        try:
            _compile(text)
        except ValueError as error:
            raise declared.error(key, str(error)) from error
        templates[key.replace("\\$", "$")] = text
    return MappingProxyType(templates)


def _compile(text: str) -> None:
    from local_gateway.velocity.template import Template  # noqa: PLC0415 — airspeed

    Template(text)


def read_selection(properties: Properties, *, of_response: bool = False) -> str | None:
    """Return the expression that chooses a template.

    Raises:
        TemplateError: It isn't understood.
    """
    name = "TemplateSelectionExpression"
    expression = properties.optional_text(name)
    try:
        Selection(expression, of_response=of_response)
    except ValueError as error:
        more = (
            ", ${integration.response.statuscode}, ${integration.response.header.X}, "
            "${integration.response.multivalueheader.X}"
            if of_response
            else ""
        )
        raise properties.error(
            name,
            f"is {expression!r}, which {error}",
            allowed=f"${{request.body.path}}{more}, constants, \\$default",
        ) from error
    return expression
