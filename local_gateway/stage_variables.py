"""`${stageVariables.x}` in the URIs and names of integrations, replaced once for each stage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE: Final = re.compile(
    r"\$\{stageVariables(?:\.(?P<name>[A-Za-z0-9_]+)|\[['\"](?P<key>[A-Za-z0-9_]+)['\"]\])\}"
)


def has_stage_variables(text: str) -> bool:
    """Tell whether a text depends on the stage."""
    return _REFERENCE.search(text) is not None


def replace_stage_variables(text: str, variables: Mapping[str, str]) -> str:
    """Return a text as it is on a stage with these variables.

    Raises:
        KeyError: The stage lacks a variable, which is the argument.
    """
    return _REFERENCE.sub(lambda match: variables[match["name"] or match["key"]], text)
