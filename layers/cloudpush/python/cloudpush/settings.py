"""The one module of the push service that reads the environment.

`template.yaml` sets these variables. What a function does not use may be absent for it, so what
is required is asked for where it is used; what is there must be right.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from cloudpush.errors import ConfigurationWrong
from cloudpush.model import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_STALE_AFTER_SECONDS: Final = "60"
_MAX_STALE_AFTER_SECONDS: Final = 2 * 60 * 60
"""API Gateway closes every connection after two hours."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One environment's settings; None is «not set»."""

    store: Literal["dynamodb", "redis"] = "dynamodb"
    """STORE"""
    table_name: str | None = None
    """TABLE_NAME, of the DynamoDB table."""
    redis_url: str | None = None
    """REDIS_URL"""
    deliver_queue_url: str | None = None
    """DELIVER_QUEUE_URL"""
    fan_out_queue_url: str | None = None
    """FAN_OUT_QUEUE_URL"""
    management_url: str | None = None
    """AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI if that is set, else MANAGEMENT_URL."""
    websocket_url: str | None = None
    """WEBSOCKET_URL: where clients connect, with the stage."""
    region: str = "us-east-1"
    """AWS_REGION, else AWS_DEFAULT_REGION."""
    stale_after_ms: int = 60_000
    """STALE_AFTER_SECONDS, in milliseconds: how long a client may be silent; 0 is off."""
    policy: Policy = Policy.MULTI
    """CONNECTION_POLICY"""
    has_test_page: bool = False
    """TEST_PAGE: whether the push API serves the test page."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """Under what name logs and metrics appear."""

    service: str
    """POWERTOOLS_SERVICE_NAME"""
    namespace: str
    """POWERTOOLS_METRICS_NAMESPACE: CloudWatch's name for a set of metrics."""


def required(value: str | None, variable: str) -> str:
    """Return a setting that the caller cannot do without.

    Raises:
        ConfigurationWrong: the variable is not set.
    """
    if value is None:
        raise ConfigurationWrong(f"{variable} is not set")
    return value


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; an empty variable counts as one that is not set.

    Raises:
        ConfigurationWrong: a variable has a value that is not allowed; says which are.
    """
    found = os.environ if environ is None else environ  # noqa: TID251 — this is the one place

    def text(variable: str) -> str | None:
        return found.get(variable) or None

    return Settings(
        store=_read_store(text("STORE") or "dynamodb"),
        table_name=text("TABLE_NAME"),
        redis_url=text("REDIS_URL"),
        deliver_queue_url=text("DELIVER_QUEUE_URL"),
        fan_out_queue_url=text("FAN_OUT_QUEUE_URL"),
        management_url=text("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI") or text("MANAGEMENT_URL"),
        websocket_url=text("WEBSOCKET_URL"),
        region=text("AWS_REGION") or text("AWS_DEFAULT_REGION") or "us-east-1",
        stale_after_ms=_read_seconds(text("STALE_AFTER_SECONDS") or _DEFAULT_STALE_AFTER_SECONDS)
        * 1000,
        policy=_read_policy(text("CONNECTION_POLICY") or Policy.MULTI.value),
        has_test_page=_read_flag("TEST_PAGE", text("TEST_PAGE") or "false"),
    )


def is_on_lambda(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether Lambda runs us, however it initialises: it sets AWS_LAMBDA_INITIALIZATION_TYPE.

    («Defined runtime environment variables»: on-demand, provisioned-concurrency, snap-start,
    lambda-managed-instances.)
    """
    found = os.environ if environ is None else environ  # noqa: TID251 — this is the one place
    return bool(found.get("AWS_LAMBDA_INITIALIZATION_TYPE"))


def read_telemetry(environ: Mapping[str, str] | None = None) -> Telemetry:
    """Read what Powertools would: it has no default for either, and fails without one."""
    found = os.environ if environ is None else environ  # noqa: TID251 — this is the one place
    return Telemetry(
        service=found.get("POWERTOOLS_SERVICE_NAME") or "cloudpush",
        namespace=found.get("POWERTOOLS_METRICS_NAMESPACE") or "cloudpush",
    )


def _read_store(value: str) -> Literal["dynamodb", "redis"]:
    match value:
        case "dynamodb" | "redis":
            return value
        case _:
            raise ConfigurationWrong(f"STORE is {value!r}; dynamodb and redis are allowed")


def _read_policy(value: str) -> Policy:
    try:
        return Policy(value)
    except ValueError:
        raise ConfigurationWrong(
            f"CONNECTION_POLICY is {value!r}; single and multi are allowed"
        ) from None


def _read_seconds(value: str) -> int:
    # isascii: isdigit alone takes digits of other scripts, and «²», which int refuses.
    is_number = value.isascii() and value.isdigit() and len(value) <= len("7200")
    if not is_number or int(value) > _MAX_STALE_AFTER_SECONDS:
        raise ConfigurationWrong(
            f"STALE_AFTER_SECONDS is {value!r}; 0 (off) to {_MAX_STALE_AFTER_SECONDS} are allowed"
        )
    return int(value)


def _read_flag(variable: str, value: str) -> bool:
    match value:
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ConfigurationWrong(f"{variable} is {value!r}; true and false are allowed")
