"""What an authorizer's function returned: a policy, who is let in, and what else is known of them.

API Gateway developer guide, "Output from an API Gateway Lambda authorizer".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from local_gateway.authorization import policy
from local_gateway.authorization.errors import AuthorizerFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.authorization.conditions import Json
    from local_gateway.authorization.policy import Policy

Scalar: TypeAlias = str | int | float | bool

RESULT_BYTES: Final = 8_192
"""The most that an authorizer may return (API Gateway quotas, "Authorizer result size")."""
_RESERVED: Final = frozenset({"principalId", "integrationLatency"})
"""Keys of `requestContext.authorizer` that the service writes itself."""


@dataclass(frozen=True, slots=True)
class AuthorizerResult:
    """What an authorizer says."""

    principal_id: str
    policy: Policy
    context: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    usage_identifier_key: str | None = None
    """An API key's value, for APIs that take it from here."""


def read_result(payload: bytes) -> AuthorizerResult:
    """Read what a function returned.

    Raises:
        AuthorizerFailed: It is too long or no policy, or its context has a value that is neither
            text, number nor truth value.
    """
    if len(payload) > RESULT_BYTES:
        raise AuthorizerFailed(f"it returned {len(payload)} bytes, more than {RESULT_BYTES}")
    try:
        result: Json = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise AuthorizerFailed("its result is not JSON") from error
    if not isinstance(result, dict):
        raise AuthorizerFailed("its result is not an object with a policyDocument")
    if "isAuthorized" in result and "policyDocument" not in result:
        raise AuthorizerFailed(
            "it returned isAuthorized, the simple response of HTTP APIs; a WebSocket API wants "
            "principalId and policyDocument"
        )
    principal_id = result.get("principalId")
    if not isinstance(principal_id, str) or not principal_id:
        raise AuthorizerFailed(f"principalId is {principal_id!r}, not a text")
    key = result.get("usageIdentifierKey")
    if key is not None and not isinstance(key, str):
        raise AuthorizerFailed(f"usageIdentifierKey is {key!r}, not a text")
    try:
        document = policy.read(result.get("policyDocument"))
    except policy.MalformedPolicy as error:
        raise AuthorizerFailed(str(error)) from error
    return AuthorizerResult(principal_id, document, _read_context(result.get("context")), key)


def _read_context(context: Json) -> Mapping[str, Scalar]:
    if context is None:
        return MappingProxyType({})
    if not isinstance(context, dict):
        raise AuthorizerFailed(f"context is {context!r}, not an object")
    found: dict[str, Scalar] = {}
    for name, value in context.items():
        if isinstance(value, dict | list):
            kind = "an object" if isinstance(value, dict) else "a list"
            raise AuthorizerFailed(
                f"context.{name} is {kind}; only texts, numbers and truth values can be passed on"
            )
        if value is not None and name not in _RESERVED:
            found[name] = value
    return MappingProxyType(found)


def write_context(result: AuthorizerResult, *, keeps_types: bool) -> dict[str, Scalar]:
    """Return `requestContext.authorizer` of all events, which CONNECT has more of.

    Values are texts, unless `keeps_types`.
    """
    context = {
        name: value if keeps_types else stringify(value) for name, value in result.context.items()
    }
    return {**context, "principalId": result.principal_id}


def stringify(value: Scalar) -> str:
    """Write a value of the context as API Gateway does: `true`, `5`, `1.5`, a text as it is."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
