"""Those whose signatures count: functions with their roles, and developers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.authorization import policy
from local_gateway.authorization.conditions import write_facts
from local_gateway.authorization.policy import Decision, MalformedPolicy
from local_gateway.authorization.signature import Credentials
from local_gateway.lambdas.variables import ACCESS_KEY, SECRET_KEY, session_token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_gateway.api import Application, Role
    from local_gateway.authorization.policy import Policy

DEVELOPER: Final = Credentials(ACCESS_KEY, SECRET_KEY, "local")
"""Credentials for everybody: they may do everything."""


class Callers:
    """The callers of an application's APIs."""

    __slots__ = ("_application", "_policies", "credentials")

    def __init__(self, application: Application, developers: Iterable[Credentials]) -> None:
        """Take the functions, whose credentials are dummies, and the developers' own."""
        functions = (
            Credentials(ACCESS_KEY, SECRET_KEY, session_token(logical_id), logical_id)
            for logical_id in application.functions
        )
        self.credentials = (DEVELOPER, *functions, *developers)
        self._application = application
        self._policies = {
            function: policies
            for function, role in application.roles.items()
            if (policies := _read_policies(role)) is not None
        }

    def user_arn(self, credentials: Credentials) -> str:
        """Return the ARN of who has these credentials: a function's session of its role, a user."""
        me, function = self._application.identity, credentials.function
        if function is None:
            return f"arn:{me.partition}:iam::{me.account_id}:user/{credentials.access_key}"
        role = self._application.roles.get(function)
        session = self._application.functions[function].name
        name = session if role is None else role.name
        return f"arn:{me.partition}:sts::{me.account_id}:assumed-role/{name}/{session}"

    def allow(self, credentials: Credentials, action: str, resource: str, *, now_ms: int) -> bool:
        """Tell whether the caller's policies allow an action; those not known here do."""
        policies = self._policies.get(credentials.function or "")
        if policies is None:
            return True
        # What the functions send comes from this machine.
        facts = write_facts(source_ip="127.0.0.1", user_agent=None, now_ms=now_ms)
        decisions = {each.decide(action, resource, facts) for each in policies}
        return Decision.ALLOWED in decisions and Decision.DENIED not in decisions


def _read_policies(role: Role) -> tuple[Policy, ...] | None:
    """Return a role's policies, None if one has a condition that isn't evaluated here."""
    try:
        return tuple(policy.read(document) for document in role.policies)
    except MalformedPolicy:
        return None
