r"""Which of its templates an integration or an integration response uses.

Developer guide, "Template selection expressions": `${request.body.path}`, of a response also
`${integration.response.statuscode}`, `${integration.response.header.Name}` and
`${integration.response.multivalueheader.Name}`; constants; `\$default`. Without an expression, the
key is `$default`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from local_gateway.expressions import scan
from local_gateway.jsonpath import Json, Path, follow, read_steps, write_text
from local_gateway.velocity.values import VelocityError

if TYPE_CHECKING:
    from local_gateway.integrations.backend import BackendResponse
    from local_gateway.integrations.variables import Payload

DEFAULT: Final = "$default"

_BODY: Final = re.compile(r"request\.body(?![A-Za-z0-9_])")
_RESPONSE: Final = re.compile(
    r"integration\.response\.(?:(?P<status>statuscode)|(?P<kind>(?:multivalue)?header)"
    r"\.(?P<name>[A-Za-z0-9_-]+))"
)


class _Header(NamedTuple):
    """A header of the back-end's response."""

    name: str
    """In lower case."""
    is_multi_value: bool


class _Status(NamedTuple):
    """The status of the back-end's response."""


_Variable: TypeAlias = "Path | _Header | _Status"


class Selection:
    """A compiled template selection expression."""

    __slots__ = ("_parts",)

    def __init__(self, expression: str | None, *, of_response: bool = False) -> None:
        """Compile; None is `$default`.

        Raises:
            ValueError: It asks for something else; with the rest of a sentence that began with the
                expression.
        """

        def variable(text: str, at: int) -> tuple[_Variable, int]:
            return _read_variable(text, at, of_response=of_response)

        text = "\\$default" if expression in {None, "", DEFAULT} else str(expression)
        self._parts = scan(text, variable)

    def select(self, payload: Payload, response: BackendResponse | None = None) -> str:
        """Return a key: of the message, and of what the back-end answered.

        What leads nowhere, or a message that isn't JSON, is an empty text.
        """
        return "".join(
            part if isinstance(part, str) else _evaluate(part, payload, response)
            for part in self._parts
        )


def _read_variable(text: str, at: int, *, of_response: bool) -> tuple[_Variable, int]:
    has_brace = text.startswith("{", at)
    at += has_brace
    found: _Variable
    if body := _BODY.match(text, at):
        found, at = read_steps(text, body.end())
    elif of_response and (match := _RESPONSE.match(text, at)):
        at = match.end()
        if match["status"]:
            found = _Status()
        else:
            found = _Header(match["name"].lower(), is_multi_value=match["kind"] != "header")
    else:
        raise ValueError("asks for something else than a template can be selected by")
    if has_brace and text[at : at + 1] != "}":
        raise ValueError(f"has a path that isn't understood from character {at + 1} on")
    return found, at + has_brace


def _evaluate(variable: _Variable, payload: Payload, response: BackendResponse | None) -> str:
    if isinstance(variable, _Status):
        return str(response.status) if response is not None else ""
    if isinstance(variable, _Header):
        values = response.headers.get(variable.name, []) if response is not None else []
        if variable.is_multi_value:
            return write_text([*values])
        return values[-1] if values else ""
    try:
        value: Json = payload.value()
    except VelocityError:
        return ""
    return write_text(follow(variable, value))
