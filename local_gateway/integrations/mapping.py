"""`RequestParameters` of an integration: what of a request becomes a part of the back-end's.

Developer guide, "Set up data mapping for WebSocket APIs": `integration.request.header.X` and
`querystring.X` and `path.X` from the handshake's parameters, the message's body, the context, the
stage's variables, or a constant in single quotes. What isn't there is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson

from local_gateway.jsonpath import Json, Path, compile_path, follow, write_text
from local_gateway.velocity.values import VelocityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local_gateway.integrations.variables import Event, Payload

    _Read: TypeAlias = "Callable[[Event, Payload], list[str]]"

_TARGET: Final = re.compile(
    r"integration\.request\.(?P<place>header|querystring|path)\.(?P<name>[A-Za-z0-9._$-]+)"
)
_ROUTE: Final = re.compile(
    r"route\.request\.(?P<kind>querystring|header|multivaluequerystring|multivalueheader)"
    r"\.(?P<name>[A-Za-z0-9._$-]+)"
)
_BODY: Final = re.compile(r"route\.request\.body(?:(?=[.\[])(?P<path>.+))?", re.DOTALL)
_CONTEXT: Final = re.compile(r"context\.(?P<path>.+)")
_STAGE: Final = re.compile(r"stageVariables\.(?P<name>[A-Za-z0-9_]+)")
_MAPS: Final = {
    "querystring": "queryStringParameters",
    "header": "headers",
    "multivaluequerystring": "multiValueQueryStringParameters",
    "multivalueheader": "multiValueHeaders",
}

SUPPORTED: Final = (
    "route.request.querystring.X, route.request.header.X, route.request.multivaluequerystring.X, "
    "route.request.multivalueheader.X, route.request.body.PATH, context.X, stageVariables.X, "
    "'constant'"
)
TARGETS: Final = (
    "integration.request.header.X, integration.request.querystring.X, integration.request.path.X"
)


class Parameters(NamedTuple):
    """What the mapping gives for one request."""

    headers: list[tuple[str, str]]
    query: list[tuple[str, str]]
    path: dict[str, str]


class _Mapped(NamedTuple):
    place: str
    name: str
    read: _Read


class ParameterMapping:
    """A compiled `RequestParameters`."""

    __slots__ = ("_mapped",)

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """Compile.

        Raises:
            ValueError: A target or an expression isn't understood.
        """
        mapped: list[_Mapped] = []
        for target, expression in parameters.items():
            place, name = read_target(target)
            mapped.append(_Mapped(place, name, _compile(expression)))
        self._mapped = tuple(mapped)

    def apply(self, event: Event, payload: Payload) -> Parameters:
        """Map one request, of which `event` is the proxy event and `payload` the body."""
        found = Parameters([], [], {})
        for place, name, read in self._mapped:
            values = read(event, payload)
            if place == "path":
                found.path.update((name, value) for value in values[:1])
            else:
                pairs = [(name, value) for value in values]
                (found.headers if place == "header" else found.query).extend(pairs)
        return found


def read_target(target: str) -> tuple[str, str]:
    """Return the place and the name that a mapping writes to.

    Raises:
        ValueError: It is none.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        raise ValueError("is no parameter of an integration's request")
    return match["place"], match["name"]


def route_parameter(expression: str) -> str | None:
    """Return the route parameter that an expression reads, which the route has to declare.

    It is named as single-valued: `route.request.querystring.x`.
    """
    match = _ROUTE.fullmatch(expression)
    if match is None:
        return None
    return f"route.request.{match['kind'].removeprefix('multivalue')}.{match['name']}"


def compile_expression(expression: str) -> None:
    """Check an expression.

    Raises:
        ValueError: It isn't understood; with the rest of a sentence that began with it.
    """
    _compile(expression)


def _compile(expression: str) -> _Read:
    if len(expression) > 1 and expression.startswith("'") and expression.endswith("'"):
        return _from_constant(expression[1:-1])
    if match := _ROUTE.fullmatch(expression):
        return _from_map(_MAPS[match["kind"]], match["name"], in_any_case="header" in match["kind"])
    if match := _BODY.fullmatch(expression):
        return _from_body(compile_path(f"${match['path']}") if match["path"] else None)
    if match := _CONTEXT.fullmatch(expression):
        return _from_context(compile_path(match["path"]))
    if match := _STAGE.fullmatch(expression):
        return _from_map("stageVariables", match["name"], in_any_case=False)
    raise ValueError("is no data that can be mapped")


def _from_constant(value: str) -> _Read:
    def read(event: Event, payload: Payload) -> list[str]:
        del event, payload
        return [value]

    return read


def _from_map(map_name: str, name: str, *, in_any_case: bool) -> _Read:
    wanted = name.lower()

    def read(event: Event, payload: Payload) -> list[str]:
        del payload
        values: Mapping[str, str | list[str]] = event.get(map_name) or {}
        found = values.get(name)
        if found is None and in_any_case:
            found = next((value for key, value in values.items() if key.lower() == wanted), None)
        if found is None:
            return []
        return [*found] if isinstance(found, list) else [found]

    return read


def _from_body(path: Path | None) -> _Read:
    def read(event: Event, payload: Payload) -> list[str]:
        del event
        if path is None:
            return [payload.text]
        try:
            return list(_texts(follow(path, payload.value())))
        except VelocityError:
            return []

    return read


def _from_context(path: Path) -> _Read:
    def read(event: Event, payload: Payload) -> list[str]:
        del payload
        return list(_texts(follow(path, event["requestContext"])))

    return read


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, dict | list):
        yield orjson.dumps(value).decode()
    elif value is not None:
        yield write_text(value)
