"""What the functions' roles allow: `AWS::IAM::Role`, and the policies that are attached to it.

A role that the template doesn't have, or that has something whose content only AWS knows, allows
what nobody here can tell: it is left out, and counts as one that allows everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local_gateway.api import Role
from local_gateway.errors import UnresolvedValue, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_ROLE: Final = "AWS::IAM::Role"
_MANAGED_POLICY: Final = "AWS::IAM::ManagedPolicy"
_ATTACHED: Final = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", _MANAGED_POLICY)

_NOT_EMULATED: Final = frozenset(
    {
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaDynamoDBExecutionRole",
        "AWSLambdaENIManagementAccess",
        "AWSLambdaKinesisExecutionRole",
        "AWSLambdaVPCAccessExecutionRole",
        "AWSXRayDaemonWriteAccess",
        "AWSXrayWriteOnlyAccess",
    }
)
"""Policies of AWS that say nothing of what is emulated (AWS managed policy reference)."""
_EMULATED: Final[Mapping[str, str | list[str]]] = {
    "AWSLambdaSQSQueueExecutionRole": [
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    ],
    "AdministratorAccess": "*",
    "AmazonAPIGatewayInvokeFullAccess": ["execute-api:Invoke", "execute-api:ManageConnections"],
    "PowerUserAccess": "*",
}
"""Those that do, and what they allow on everything."""


class _Unknown(Exception):
    """A policy that only AWS knows."""


def read(declarations: Declarations, functions: Iterable[str]) -> dict[str, Role]:
    """Return the roles whose policies are all known, by the logical id of the function."""
    found: dict[str, Role] = {}
    for function in functions:
        try:
            role = _role_of(function, declarations)
        except (UnresolvedValue, UnsupportedFeature, _Unknown):
            continue
        if role is not None:
            found[function] = role
    return found


def _role_of(function: str, declarations: Declarations) -> Role | None:
    arn = declarations.properties(function).optional_text("Role")
    logical_id = declarations.find(_ROLE, arn) if arn else None
    if logical_id is None:
        return None
    role = declarations.properties(logical_id)
    if role.has("PermissionsBoundary"):
        raise _Unknown
    name = declarations.name(logical_id)
    policies = [policy.value("PolicyDocument") for policy in role.mappings("Policies")]
    for managed in role.texts("ManagedPolicyArns"):
        policies += _managed(managed, declarations)
    policies += [policy.value("PolicyDocument") for policy in _attached(name, declarations)]
    return Role(logical_id=logical_id, name=name, policies=tuple(policies))


def _managed(arn: str, declarations: Declarations) -> list[Any]:
    logical_id = declarations.find(_MANAGED_POLICY, arn)
    if logical_id is not None:
        return [declarations.properties(logical_id).value("PolicyDocument")]
    name = arn.rpartition("/")[2]
    if name in _EMULATED:
        return [{"Statement": {"Effect": "Allow", "Action": _EMULATED[name], "Resource": "*"}}]
    if name not in _NOT_EMULATED:
        raise _Unknown
    return []


def _attached(role: str, declarations: Declarations) -> Iterator[Properties]:
    """Go through the policies that name the role, rather than the role them."""
    for _, properties in declarations.of_type(*_ATTACHED):
        if role in properties.texts("Roles") or role == properties.optional_text("RoleName"):
            yield properties
