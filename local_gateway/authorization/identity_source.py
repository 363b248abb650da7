"""Identity sources: what a handshake has to bring before its authorizer is asked.

`route.request.header.X`, `route.request.querystring.X`, `stageVariables.X` and `context.X` (API
Gateway API reference, CreateAuthorizer). All are required, and one that is empty is missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHAPES: Final = (
    "route.request.header.NAME, route.request.querystring.NAME, stageVariables.NAME, context.NAME"
)
_SOURCE: Final = re.compile(
    r"(?:route\.request\.(?P<place>header|querystring)|(?P<own>stageVariables|context))"
    r"\.(?P<name>[^\s.]\S*)"
)
CONTEXT: Final = (
    "apiId",
    "connectedAt",
    "connectionId",
    "domainName",
    "eventType",
    "extendedRequestId",
    "identity.sourceIp",
    "identity.userAgent",
    "messageDirection",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
)
"""The variables of a handshake's context; all but the user agent are always there."""


def problem_of(source: str) -> str | None:
    """Return what is wrong with an identity source as a template has it, None if nothing is."""
    match = _SOURCE.fullmatch(source)
    if match is None:
        if source.startswith("$request."):
            return f"is {source!r}, the form of HTTP APIs"
        if source.startswith("method.request."):
            return f"is {source!r}, the form of REST APIs"
        return f"is {source!r}"
    if match["own"] == "context" and match["name"] not in CONTEXT:
        return f"is {source!r}, which a handshake does not have"
    return None


def first_missing(
    sources: Iterable[str],
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    stage_variables: Mapping[str, str],
    has_user_agent: bool,
) -> str | None:
    """Return the first source that has no value, None if all have one.

    Args:
        sources: As `problem_of` finds nothing wrong with.
        headers: The handshake's, their names in lower case.
        query: Its query parameters.
        stage_variables: The stage's.
        has_user_agent: Whether the client sent a `User-Agent`.
    """
    places = {"header": headers, "querystring": query, "stageVariables": stage_variables}
    for source in sources:
        match = _SOURCE.fullmatch(source)
        if match is None:
            raise ValueError(source)
        place, name = match["place"] or match["own"], match["name"]
        if place == "context":
            found = has_user_agent or name != "identity.userAgent"
        else:
            found = bool(places[place].get(name.lower() if place == "header" else name))
        if not found:
            return source
    return None
