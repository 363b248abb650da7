"""`AWS::Lambda::Permission`: which functions API Gateway may invoke, and for what.

A permission of an alias or a version counts for the function here, and a `SourceArn` that only AWS
knows for every source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.authorization.patterns import matches
from local_gateway.errors import UnresolvedValue

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_PRINCIPALS: Final = ("apigateway.amazonaws.com", "*")
_INVOKE: Final = "lambda:InvokeFunction"


def read(declarations: Declarations) -> frozenset[tuple[str, str]]:
    """Return function and `SourceArn` (`*` without one) of each permission for API Gateway."""
    found: set[tuple[str, str]] = set()
    for _, properties in declarations.of_type("AWS::Lambda::Permission"):
        name = _known_text(properties, "FunctionName")
        function = declarations.find_function(name, is_invoked=False) if name else None
        action = _known_text(properties, "Action") or _INVOKE
        if (
            function is not None
            and _known_text(properties, "Principal") in _PRINCIPALS
            and matches(action, _INVOKE, ignores_case=True)
        ):
            found.add((function, _known_text(properties, "SourceArn") or "*"))
    return frozenset(found)


def _known_text(properties: Properties, name: str) -> str | None:
    """Return a text, None if there is none or only AWS knows it."""
    try:
        return properties.optional_text(name)
    except UnresolvedValue:
        return None
