"""`AWS::ApiGateway::ApiKey`, `UsagePlan` and `UsagePlanKey`, as far as WebSocket APIs need them.

They are resources of API Gateway's first version, which both kinds of API share.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from local_gateway.api import ApiKey, Throttle, UsagePlan
from local_gateway.references import stable_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

API_KEY: Final = "AWS::ApiGateway::ApiKey"
USAGE_PLAN: Final = "AWS::ApiGateway::UsagePlan"
USAGE_PLAN_KEY: Final = "AWS::ApiGateway::UsagePlanKey"

SELECTIONS: Final = ("$request.header.x-api-key", "$context.authorizer.usageIdentifierKey")
"""What `ApiKeySelectionExpression` may be."""

_LEAST_LENGTH, _MOST_LENGTH = 20, 128
_DRAWN_LENGTH = 40
_MOST: Final = 2**31 - 1


def read_keys(declarations: Declarations) -> dict[str, ApiKey]:
    """Return the API keys by logical id.

    Raises:
        TemplateError: A property is wrong, or two keys have the same value.
    """
    found: dict[str, ApiKey] = {}
    for logical_id, properties in declarations.of_type(API_KEY):
        value = properties.optional_text("Value")
        if value is not None and not _LEAST_LENGTH <= len(value) <= _MOST_LENGTH:
            raise properties.error(
                "Value", f"has {len(value)} characters", allowed="20 to 128 characters"
            )
        key = ApiKey(
            logical_id=logical_id,
            key_id=declarations.id(logical_id),
            name=properties.text("Name", logical_id),
            value=value or stable_id(f"{logical_id}.Value", _DRAWN_LENGTH),
            is_drawn=value is None,
            is_enabled=properties.boolean("Enabled"),
        )
        for other in found.values():
            if other.value == key.value:
                raise properties.error("Value", f"{other.logical_id} has the same value")
        found[logical_id] = key
    return found


def read_plans(declarations: Declarations, keys: Mapping[str, ApiKey]) -> dict[str, UsagePlan]:
    """Return the usage plans by logical id, each with its keys.

    Raises:
        TemplateError: A property is wrong or missing.
        UnsupportedFeature: A plan limits single routes.
    """
    members = _members(declarations, keys)
    return {
        logical_id: _read_plan(logical_id, properties, declarations, members.get(logical_id, ()))
        for logical_id, properties in declarations.of_type(USAGE_PLAN)
    }


def _read_plan(
    logical_id: str, properties: Properties, declarations: Declarations, keys: tuple[str, ...]
) -> UsagePlan:
    stages: set[tuple[str, str]] = set()
    for stage in properties.mappings("ApiStages"):
        if stage.has("Throttle"):
            raise stage.unsupported("Throttle", "limits single routes", allowed="none")
        stages.add((stage.text("ApiId"), stage.text("Stage")))
    throttle = properties.mapping("Throttle")
    quota = properties.mapping("Quota")
    limit = quota.integer("Limit", -1, least=0, most=_MOST) if quota else -1
    if quota and limit < 0:
        raise quota.error("Limit", "is missing")
    return UsagePlan(
        logical_id=logical_id,
        plan_id=declarations.id(logical_id),
        stages=frozenset(stages),
        keys=keys,
        throttle=_read_throttle(throttle) if throttle else None,
        quota_limit=limit if quota else None,
        quota_offset=quota.integer("Offset", 0, least=0, most=limit) if quota else 0,
        quota_period=quota.choice("Period", ("DAY", "WEEK", "MONTH")) if quota else None,
    )


def _read_throttle(throttle: Properties) -> Throttle:
    return Throttle(
        rate=_rate(throttle),
        burst=throttle.optional_integer("BurstLimit", least=0, most=_MOST),
    )


def _rate(throttle: Properties) -> float | None:
    text = throttle.optional_text("RateLimit")
    if text is None:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise throttle.error("RateLimit", f"is {text!r}", allowed="a number of requests per second")
    return rate


def _members(declarations: Declarations, keys: Mapping[str, ApiKey]) -> dict[str, tuple[str, ...]]:
    """Return the logical ids of the keys of each plan."""
    members: dict[str, tuple[str, ...]] = {}
    for logical_id, properties in declarations.of_type(USAGE_PLAN_KEY):
        properties.choice("KeyType", ("API_KEY",))
        key_id, plan_id = properties.text("KeyId"), properties.text("UsagePlanId")
        key = declarations.find(API_KEY, key_id)
        plan = declarations.find(USAGE_PLAN, plan_id)
        if plan is None:
            declarations.ignore(logical_id, f"{plan_id} is no usage plan of this template")
        elif key is None or key not in keys:
            declarations.ignore(logical_id, f"{key_id} is no API key of this template")
        else:
            members[plan] = (*members.get(plan, ()), key)
    return members
