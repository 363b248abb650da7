r"""What selection expressions have in common: constants and variables in any mixture.

`$` begins a variable, `\$` is a dollar sign (developer guide, "Selection expressions in API
Gateway"). What a variable may be differs from one expression to the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

V = TypeVar("V")


def scan(expression: str, variable: Callable[[str, int], tuple[V, int]]) -> tuple[str | V, ...]:
    """Split an expression into constants and variables.

    `variable` reads one from the character after its `$` on, and returns it and where it ends.

    Raises:
        ValueError: What `variable` raises.
    """
    parts: list[str | V] = []
    constant: list[str] = []
    at = 0
    while at < len(expression):
        if expression.startswith("\\$", at):
            constant.append("$")
            at += 2
        elif expression[at] != "$":
            constant.append(expression[at])
            at += 1
        else:
            if constant:
                parts.append("".join(constant))
                constant.clear()
            part, at = variable(expression, at + 1)
            parts.append(part)
    if constant:
        parts.append("".join(constant))
    return tuple(parts)
