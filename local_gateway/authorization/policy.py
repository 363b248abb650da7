"""IAM policies: whether one allows an action on a resource (IAM user guide, "Policy evaluation").

A deny wins over every allow, and what no statement allows is denied. Actions are compared without
regard to case, resources with it. A wildcard goes over slashes and colons; so `prod/*/*`, which
REST APIs have, does not match `prod/$connect`, for it wants a second slash.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from local_gateway.authorization import conditions
from local_gateway.authorization.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.authorization.conditions import Condition, Json

_VERSIONS = ("2012-10-17", "2008-10-17")


class MalformedPolicy(Exception):
    """A document that is no policy, or has a condition that isn't evaluated; the text says why."""


class Decision(Enum):
    """What a policy says of an action on a resource."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    UNMATCHED = "not allowed"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy, with its patterns as they were written."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    is_not_action: bool = False
    """Whether `actions` is `NotAction`: every action but these."""
    is_not_resource: bool = False
    """Whether `resources` is `NotResource`."""
    conditions: tuple[Condition, ...] = ()
    """All of them have to hold."""

    def applies(self, action: str, resource: str, facts: Mapping[str, str]) -> bool:
        """Tell whether the statement is about this request."""
        has_action = any(matches(each, action, ignores_case=True) for each in self.actions)
        has_resource = any(matches(each, resource) for each in self.resources)
        return (
            has_action != self.is_not_action
            and has_resource != self.is_not_resource
            and all(condition.holds(facts) for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document, read."""

    statements: tuple[Statement, ...]

    def decide(self, action: str, resource: str, facts: Mapping[str, str]) -> Decision:
        """Say whether `action` (`service:Name`) is allowed on `resource` (an ARN).

        `facts` are the request's condition keys, such as `aws:SourceIp`, in lower case.
        """
        applying = [each for each in self.statements if each.applies(action, resource, facts)]
        if any(not statement.allows for statement in applying):
            return Decision.DENIED
        return Decision.ALLOWED if applying else Decision.UNMATCHED

    def explain(self, action: str, resource: str) -> str:
        """Say in one line why `decide` may have said `UNMATCHED`."""
        allowed = [each for each in self.statements if each.allows]
        if not allowed:
            return f"the policy allows nothing, and so not {action} on {resource}"
        shown = ", ".join(pattern for each in allowed for pattern in each.resources)
        line = f"the policy does not allow {action} on {resource}: it is for {shown}"
        stage, _, _ = resource.rpartition("/")
        if any(matches(pattern, f"{stage}/GET/") for each in allowed for pattern in each.resources):
            line += ", the shape of REST APIs (stage/METHOD/path)"
        return line


def read(document: Json) -> Policy:
    """Read a policy document.

    Raises:
        MalformedPolicy: It lacks a part, has one of a wrong kind, or a condition that isn't
            evaluated here.
    """
    if not isinstance(document, dict):
        raise MalformedPolicy("the policy document is not an object")
    version = document.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise MalformedPolicy(f"Version is {version!r}, not one of {', '.join(_VERSIONS)}")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise MalformedPolicy("Statement is missing, or no list")
    return Policy(tuple(_read_statement(statement) for statement in statements))


def _read_statement(statement: Json) -> Statement:
    if not isinstance(statement, dict):
        raise MalformedPolicy("a statement is not an object")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicy(f"Effect is {effect!r}, neither Allow nor Deny")
    actions, is_not_action = _read_patterns(statement, "Action")
    resources, is_not_resource = _read_patterns(statement, "Resource")
    try:
        found = conditions.read(statement.get("Condition"))
    except conditions.UnknownCondition as error:
        raise MalformedPolicy(str(error)) from error
    return Statement(
        allows=effect == "Allow",
        actions=actions,
        resources=resources,
        is_not_action=is_not_action,
        is_not_resource=is_not_resource,
        conditions=found,
    )


def _read_patterns(statement: dict[str, Json], name: str) -> tuple[tuple[str, ...], bool]:
    """Return the texts under `name`, or under its negation and that it is negated."""
    is_negated = f"Not{name}" in statement
    if is_negated == (name in statement):
        raise MalformedPolicy(f"a statement has to have either {name} or Not{name}")
    found = statement[f"Not{name}" if is_negated else name]
    items = found if isinstance(found, list) else [found]
    texts = tuple(item for item in items if isinstance(item, str))
    if not items or len(texts) != len(items):
        raise MalformedPolicy(f"{name} is {found!r}, not a text or a list of texts")
    return texts, is_negated
