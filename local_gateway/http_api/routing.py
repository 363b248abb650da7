"""Which route of an HTTP API gets a request.

API Gateway takes the most specific route that matches path and method (developer guide, "Create
routes for HTTP APIs"): a path in full, then with path variables, then with a greedy one, then
`$default`; of two routes for one path, the one that names the method before the one for `ANY`.
Without a route the answer is 404 `{"message":"Not Found"}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local_gateway.api import HttpRoute


@dataclass(frozen=True, slots=True)
class Match:
    """A route, and what its path variables stand for, decoded."""

    route: HttpRoute
    path_parameters: dict[str, str]


class _Kind(IntEnum):
    """What a segment of a route's path matches; the smaller, the more specific."""

    LITERAL = 0
    VARIABLE = 1
    GREEDY = 2
    DEFAULT = 3


@dataclass(frozen=True, slots=True)
class _Pattern:
    route: HttpRoute
    segments: tuple[tuple[_Kind, str], ...]

    @property
    def rank(self) -> tuple[tuple[_Kind, ...], bool]:
        """Return what sorts the more specific pattern first."""
        return tuple(kind for kind, _ in self.segments), self.route.method == "ANY"

    def match(self, method: str, segments: Sequence[str]) -> dict[str, str] | None:
        """Return the values of the path variables, None if the request isn't for this route."""
        if self.route.method not in {method, "ANY"} and self.route.path != "$default":
            return None
        return _match(self.segments, segments)


class Router:
    """The routes of one API, sorted once."""

    def __init__(self, routes: Iterable[HttpRoute]) -> None:
        """Take the routes in any order."""
        patterns = [_Pattern(route, tuple(_read(route.path))) for route in routes]
        self._patterns = sorted(patterns, key=lambda pattern: pattern.rank)

    def match(self, method: str, raw_path: str) -> Match | None:
        """Return the most specific route for a path that is still percent-encoded."""
        segments = [unquote(segment) for segment in _split(raw_path)]
        for pattern in self._patterns:
            found = pattern.match(method, segments)
            if found is not None:
                return Match(pattern.route, found)
        return None


def _match(patterns: Sequence[tuple[_Kind, str]], segments: Sequence[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for index, (kind, name) in enumerate(patterns):
        if kind is _Kind.DEFAULT:
            return found
        # A variable stands for at least one character, a greedy one too.
        if index >= len(segments) or (kind is not _Kind.LITERAL and not segments[index]):
            return None
        if kind is _Kind.GREEDY:
            found[name] = "/".join(segments[index:])
            return found
        if kind is _Kind.VARIABLE:
            found[name] = segments[index]
        elif segments[index] != name:
            return None
    return found if len(patterns) == len(segments) else None


def _read(path: str) -> Iterable[tuple[_Kind, str]]:
    if path == "$default":
        yield _Kind.DEFAULT, ""
        return
    for segment in _split(path):
        if segment.startswith("{") and segment.endswith("+}"):
            yield _Kind.GREEDY, segment[1:-2]
        elif segment.startswith("{") and segment.endswith("}"):
            yield _Kind.VARIABLE, segment[1:-1]
        else:
            yield _Kind.LITERAL, segment


def _split(path: str) -> list[str]:
    """Return the segments of a path: `/` has one, which is empty."""
    return path.removeprefix("/").split("/")
