"""The pseudo parameters: what `AWS::Region` and the like are here.

CloudFormation reference, "Pseudo parameters".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from local_gateway.api import Identity
    from local_gateway.tree import Value

STACK_NAME: Final = "local"
"""What `AWS::StackName` is."""


def of(identity: Identity) -> dict[str, Value]:
    """Return the values by name, without AWS::NoValue, which is none."""
    suffix = "amazonaws.com.cn" if identity.partition == "aws-cn" else "amazonaws.com"
    return {
        "AWS::AccountId": identity.account_id,
        "AWS::NotificationARNs": [],
        "AWS::Partition": identity.partition,
        "AWS::Region": identity.region,
        "AWS::StackId": (
            f"arn:{identity.partition}:cloudformation:{identity.region}:{identity.account_id}"
            f":stack/{STACK_NAME}/00000000-0000-0000-0000-000000000000"
        ),
        "AWS::StackName": STACK_NAME,
        "AWS::URLSuffix": suffix,
    }
