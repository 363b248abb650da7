"""`RequestTemplates`, `ResponseTemplates` and their `TemplateSelectionExpression`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.integrations.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.properties import Properties


UNSELECTED: Final = (
    "none has the key $default, and without a TemplateSelectionExpression no other is used; "
    "--assume template-key=content-type uses the one for application/json"
)
"""What is said of templates that nothing selects."""


def unselected(properties: Properties, templates: Mapping[str, str]) -> bool:
    """Tell whether there are templates of which none is ever used (MAPPING-24)."""
    expression = properties.optional_text("TemplateSelectionExpression")
    return bool(templates) and not expression and "$default" not in templates


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
