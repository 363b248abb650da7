r"""From the text of a message to a route key: the API's `RouteSelectionExpression`.

An expression is compiled once per API into constants and paths, and evaluated for each message.
The grammar is that of ROUTE-1 to ROUTE-8: `$request.body.path.to[0].x`, `${request.body.path}` and
constants in any mixture, `\$` for a dollar sign. Nothing but the body can be asked for.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

import orjson

from local_gateway.errors import TemplateError
from local_gateway.expressions import scan
from local_gateway.jsonpath import Path, follow, read_steps, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import WebSocketApi
    from local_gateway.jsonpath import Json

T = TypeVar("T")

DEFAULT = "$default"
CONNECT = "$connect"
DISCONNECT = "$disconnect"
LIFECYCLE = frozenset({CONNECT, DISCONNECT, DEFAULT})
"""Route keys that no message can select by name (ROUTE-14)."""

Part: TypeAlias = "str | Path"
"""A constant, or what to look up."""


class NoRoute(Enum):
    """The type of `NO_ROUTE`."""

    NO_ROUTE = "no route"


NO_ROUTE: Final = NoRoute.NO_ROUTE
"""What a message selects that no route is for."""

_BODY = re.compile(r"request\.body(?![A-Za-z0-9_])")
_ALLOWED = "$request.body.path, ${request.body.path[0].name}, constants, and \\$ for a dollar sign"


class RouteSelector(Generic[T]):
    """The routes of one API and how a message chooses among them."""

    __slots__ = ("_custom", "_default", "_parts")

    def __init__(self, api: WebSocketApi, routes: Mapping[str, T]) -> None:
        """Compile the expression of `api`; `routes` is what `select` returns, by route key.

        Raises:
            TemplateError: The expression asks for something else than the body of a message, or
                for a JSON path with wildcards, filters or slices.
        """
        self._default = routes.get(DEFAULT, NO_ROUTE)
        self._custom = {key: route for key, route in routes.items() if key not in LIFECYCLE}
        try:
            self._parts = compile_expression(api.route_selection_expression)
        except ValueError as error:
            raise TemplateError(
                f"{api.route_selection_expression!r} {error}",
                logical_id=api.logical_id,
                path="Properties.RouteSelectionExpression",
                allowed=_ALLOWED,
            ) from error

    def select(self, text: str) -> T | NoRoute:
        """Return the route of a message: the one with the selected key, else `$default`'s.

        `NO_ROUTE` if there is neither, which the client is told by a `Forbidden` frame.
        """
        if not self._custom:
            return self._default
        key = evaluate(self._parts, text)
        return self._default if key is None else self._custom.get(key, self._default)


def compile_expression(expression: str) -> tuple[Part, ...]:
    """Split a route selection expression into constants and paths.

    Raises:
        ValueError: With the rest of a sentence that began with the expression.
    """
    if _BODY.match(expression):
        # The console proposes `request.body.action`, which as a constant would match nothing.
        expression = "$" + expression
    return scan(expression, _variable)


def _variable(expression: str, at: int) -> tuple[Path, int]:
    has_brace = expression.startswith("{", at)
    body = _BODY.match(expression, at + has_brace)
    if body is None:
        raise ValueError("asks for something else than the body of a message")
    path, at = read_steps(expression, body.end())
    if has_brace and expression[at : at + 1] != "}":
        raise ValueError(f"has a path that isn't understood from character {at + 1} on")
    if not path:
        raise ValueError("names no part of the body")
    return path, at + has_brace


def evaluate(parts: tuple[Part, ...], text: str) -> str | None:
    """Return what the expression selects in a message.

    None if it cannot be evaluated: the text is not JSON (NaN isn't either, nor is what nests deeper
    than 1,024 levels) or not an object (ROUTE-10, ROUTE-11). A path that leads nowhere is the empty
    string (ROUTE-5).
    """
    try:
        body: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    first = parts[0] if parts else ""
    if len(parts) == 1:
        return first if isinstance(first, str) else write_text(follow(first, body))
    return "".join(
        part if isinstance(part, str) else write_text(follow(part, body)) for part in parts
    )
