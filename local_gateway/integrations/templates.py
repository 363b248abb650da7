"""The templates of an integration or of an integration response, compiled, by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.integrations.selection import DEFAULT
from local_gateway.velocity.template import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE: Final = "application/json"


def compile_templates(
    templates: Mapping[str, str], *, by_content_type: bool
) -> dict[str, Template]:
    """Compile; everything was understood when they were read.

    `by_content_type` lets the one for JSON stand for `$default` where there is none (MAPPING-24).
    """
    compiled = {key: Template(text) for key, text in templates.items()}
    if by_content_type and DEFAULT not in compiled and CONTENT_TYPE in compiled:
        compiled[DEFAULT] = compiled[CONTENT_TYPE]
    return compiled
