"""A record of calls against the roles of a template, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from local_gateway.authorization import policy
from local_gateway.authorization.conditions import write_facts
from local_gateway.authorization.patterns import matches
from local_gateway.authorization.policy import Decision, MalformedPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local_gateway.api import Application, Role
    from local_gateway.authorization.policy import Policy
    from local_gateway.privileges.record import AwsCall

_BY_LAMBDA: Final = ("logs:", "ec2:", "xray:")
"""What Lambda itself does with a function's role, and nobody can see here."""


class Permission(NamedTuple):
    """An action on a resource; of a policy both may be patterns."""

    action: str
    resource: str


class Privileges(NamedTuple):
    """How the role of one function fits its calls."""

    function: str
    missing: frozenset[Permission]
    """What was called and is not allowed."""
    unused: frozenset[Permission]
    """What is allowed and was not called."""
    is_known: bool = True
    """Whether the role's policies are all in the template, and evaluated here."""


def compare(application: Application, calls: Iterable[AwsCall], *, now_ms: int) -> list[Privileges]:
    """Return how each function's role fits the calls.

    Args:
        application: Its functions and roles count.
        calls: Those of functions that it doesn't have are left out.
        now_ms: Milliseconds since the epoch, for policies that look at the time.
    """
    called: dict[str, set[Permission]] = {name: set() for name in application.functions}
    for function, action, resource in calls:
        called.get(function, set[Permission]()).add(Permission(action, resource))
    return [
        _compare(function, application.roles.get(function), permissions, now_ms)
        for function, permissions in called.items()
    ]


def _compare(function: str, role: Role | None, called: set[Permission], now_ms: int) -> Privileges:
    try:
        policies = [] if role is None else [policy.read(each) for each in role.policies]
    except MalformedPolicy:
        role, policies = None, []
    if role is None:
        return Privileges(function, frozenset(), frozenset(), is_known=False)
    facts = write_facts(source_ip="127.0.0.1", user_agent=None, now_ms=now_ms)
    missing = {
        each
        for each in called
        if {document.decide(*each, facts) for document in policies} & {Decision.DENIED}
        or all(document.decide(*each, facts) is not Decision.ALLOWED for document in policies)
    }
    unused = {
        allowed
        for allowed in _allowed(policies)
        if not any(
            matches(allowed.action, each.action, ignores_case=True)
            and matches(allowed.resource, each.resource)
            for each in called
        )
    }
    return Privileges(function, frozenset(missing), frozenset(unused))


def _allowed(policies: Iterable[Policy]) -> Iterator[Permission]:
    """Go through what statements allow by name, each action on each resource."""
    for document in policies:
        for statement in document.statements:
            if statement.allows and not statement.is_not_action and not statement.is_not_resource:
                for action in statement.actions:
                    if not action.lower().startswith(_BY_LAMBDA):
                        yield from (Permission(action, each) for each in statement.resources)
