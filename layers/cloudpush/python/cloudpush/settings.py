"""The one module of the push service that reads the environment.

`template.yaml` sets these variables. What a function does not use may be absent for it, so what
is required is asked for where it is used; what is there must be right.
"""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from cloudpush.errors import ConfigurationWrong
from cloudpush.model import MAX_CONNECTIONS_PER_CLIENT, Policy
from cloudpush.tokens import ALGORITHMS, SYMMETRIC, TokenRules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

_Value = TypeVar("_Value")

PLAIN: Final = "plain:"
"""Before a secret that stands in the setting itself: on the local gateway alone."""

_PORTS: Final = {"https": 443, "http": 80}
_DEFAULT_BROADCAST_RATE: Final = "7000"
"""70 % of an account's 10,000 requests a second (Amazon API Gateway Developer Guide, «Quotas»)."""
_BROADCAST_RATES: Final = range(1_000_001)
_RATES: Final = range(100_001)
_STALE_AFTER_SECONDS: Final = range(2 * 60 * 60 + 1)
"""API Gateway closes every connection after two hours."""


class ReceiptUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where receipts are posted to."""

    is_https: bool
    host: str
    """A name, or an address without brackets."""
    port: int
    target: str
    """Path and query, as they stand in a request."""
    may_be_private: bool
    """Whether the host may have a private or loopback address."""

    @property
    def authority(self) -> str:
        """Return host and port as `Host` has them: without the port where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == _PORTS["https" if self.is_https else "http"]
        return host if is_usual else f"{host}:{self.port}"


class AuthMode(enum.Enum):
    """Who may connect, push and look (parameter `AuthMode`). There is no third."""

    JWT = "jwt"
    """Whoever has a token, as far as that reaches."""

    NONE = "none"
    """Everybody, everything."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One environment's settings; None is «not set»."""

    store: Literal["dynamodb", "redis"] = "dynamodb"
    """STORE"""
    table_name: str | None = None
    """TABLE_NAME, of the DynamoDB table."""
    redis_url: str | None = None
    """REDIS_URL: the URL, or a reference to it, see `secret`."""
    deliver_queue_url: str | None = None
    """DELIVER_QUEUE_URL"""
    fan_out_queue_url: str | None = None
    """FAN_OUT_QUEUE_URL"""
    notify_queue_url: str | None = None
    """NOTIFY_QUEUE_URL"""
    dead_letter_queue_url: str | None = None
    """DEAD_LETTER_QUEUE_URL: where jobs of the first two end that failed too often."""
    receipt_dead_letter_queue_url: str | None = None
    """RECEIPT_DEAD_LETTER_QUEUE_URL: where those of the third end."""
    receipt_url: ReceiptUrl | None = None
    """RECEIPT_URL, under the rules of RECEIPT_NETWORK; None tells no receipts to anybody."""
    receipt_secret: str | None = None
    """RECEIPT_SECRET: a reference, see `secret`."""
    management_url: str | None = None
    """AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI if that is set, else MANAGEMENT_URL."""
    websocket_url: str | None = None
    """WEBSOCKET_URL: where clients connect, with the stage."""
    region: str = "us-east-1"
    """AWS_REGION, else AWS_DEFAULT_REGION."""
    stale_after_ms: int = 60_000
    """STALE_AFTER_SECONDS, in milliseconds: how long a client may be silent; 0 is off."""
    broadcast_rate: int = 7000
    """BROADCAST_RATE: posts a second of all fan-outs together; 0 is not limited."""
    policy: Policy = Policy.MULTI
    """CONNECTION_POLICY"""
    max_connections: int = MAX_CONNECTIONS_PER_CLIENT
    """MAX_CONNECTIONS_PER_CLIENT"""
    message_rate: int = 100
    """MESSAGE_RATE: messages of one client a second; 0 is not limited."""
    push_rate: int = 1000
    """PUSH_RATE: pushes by HTTP of one client or key a second; 0 is not limited."""
    connect_rate: int = 10
    """CONNECT_RATE: handshakes of one client a second; 0 is not limited."""
    allowed_origins: frozenset[str] = frozenset()
    """ALLOWED_ORIGINS, with commas between: which web pages may connect; empty is all."""
    auth_mode: AuthMode = AuthMode.JWT
    """AUTH_MODE"""
    auth_secret: str | None = None
    """AUTH_SECRET: a reference, see `secret`."""
    auth_jwks_url: str | None = None
    """AUTH_JWKS_URL: where the public keys are, for every algorithm but HS256."""
    token_rules: TokenRules = TokenRules()
    """AUTH_ALGORITHM, AUTH_AUDIENCE, AUTH_ISSUER: what is asked of a token."""
    has_test_page: bool = False
    """TEST_PAGE: whether the push API serves the test page."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """Under what name logs and metrics appear."""

    service: str
    """POWERTOOLS_SERVICE_NAME"""
    namespace: str
    """POWERTOOLS_METRICS_NAMESPACE: CloudWatch's name for a set of metrics."""


def required(value: _Value | None, variable: str) -> _Value:
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

    is_local = text("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI") is not None
    return Settings(
        store=_read_store(text("STORE") or "dynamodb"),
        table_name=text("TABLE_NAME"),
        redis_url=_read_redis_url(
            text("REDIS_URL"), is_deployed=is_on_lambda(found) and not is_local
        ),
        deliver_queue_url=text("DELIVER_QUEUE_URL"),
        fan_out_queue_url=text("FAN_OUT_QUEUE_URL"),
        notify_queue_url=text("NOTIFY_QUEUE_URL"),
        dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
        receipt_dead_letter_queue_url=text("RECEIPT_DEAD_LETTER_QUEUE_URL"),
        receipt_url=_read_receipt_url(
            text("RECEIPT_URL"), text("RECEIPT_NETWORK") or "public", is_local=is_local
        ),
        receipt_secret=_read_reference(text("RECEIPT_SECRET"), is_local=is_local),
        management_url=text("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI") or text("MANAGEMENT_URL"),
        websocket_url=text("WEBSOCKET_URL"),
        region=text("AWS_REGION") or text("AWS_DEFAULT_REGION") or "us-east-1",
        stale_after_ms=1000
        * _read_number(
            "STALE_AFTER_SECONDS",
            text("STALE_AFTER_SECONDS") or "60",
            _STALE_AFTER_SECONDS,
            zero="off",
        ),
        broadcast_rate=_read_number(
            "BROADCAST_RATE",
            text("BROADCAST_RATE") or _DEFAULT_BROADCAST_RATE,
            _BROADCAST_RATES,
            zero="not limited",
        ),
        policy=_read_policy(text("CONNECTION_POLICY") or Policy.MULTI.value),
        max_connections=_read_number(
            "MAX_CONNECTIONS_PER_CLIENT",
            text("MAX_CONNECTIONS_PER_CLIENT") or str(MAX_CONNECTIONS_PER_CLIENT),
            range(1, MAX_CONNECTIONS_PER_CLIENT + 1),
        ),
        message_rate=_read_number("MESSAGE_RATE", text("MESSAGE_RATE") or "100", _RATES),
        push_rate=_read_number("PUSH_RATE", text("PUSH_RATE") or "1000", _RATES),
        connect_rate=_read_number("CONNECT_RATE", text("CONNECT_RATE") or "10", _RATES),
        allowed_origins=_read_origins(text("ALLOWED_ORIGINS") or ""),
        auth_mode=_read_auth_mode(text("AUTH_MODE") or AuthMode.JWT.value),
        auth_secret=text("AUTH_SECRET"),
        auth_jwks_url=_read_jwks_url(text("AUTH_JWKS_URL"), is_local=is_local),
        token_rules=TokenRules(
            audience=text("AUTH_AUDIENCE") or "cloudpush",
            issuer=text("AUTH_ISSUER"),
            algorithm=_read_algorithm(text("AUTH_ALGORITHM") or SYMMETRIC),
        ),
        has_test_page=_read_flag("TEST_PAGE", text("TEST_PAGE") or "false"),
    )


def is_on_lambda(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether Lambda runs us, however it initialises: it sets AWS_LAMBDA_INITIALIZATION_TYPE.

    («Defined runtime environment variables»: on-demand, provisioned-concurrency, snap-start,
    lambda-managed-instances.)
    """
    found = os.environ if environ is None else environ  # noqa: TID251 — this is the one place
    return bool(found.get("AWS_LAMBDA_INITIALIZATION_TYPE"))


def read_trace_id() -> str:
    """Return the id that Lambda gives the event which is handled now; empty outside of Lambda."""
    return os.environ.get("_X_AMZN_TRACE_ID", "")  # noqa: TID251 — this is the one place


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


def _read_redis_url(url: str | None, *, is_deployed: bool) -> str | None:
    """Read where Redis is. What a function is configured with is no place for a password."""
    if url is not None and is_deployed and not url.startswith("arn:") and "@" in url:
        raise ConfigurationWrong(
            "REDIS_URL has a password; keep the URL as a secret, and name that by its ARN"
        )
    return url


def _read_receipt_url(url: str | None, network: str, *, is_local: bool) -> ReceiptUrl | None:
    """Read where receipts go. Without TLS only from the local gateway, and to a private network."""
    if network not in {"public", "private"}:
        raise ConfigurationWrong(f"RECEIPT_NETWORK is {network!r}; public and private are allowed")
    if url is None:
        return None
    is_private = network == "private"
    parts = _split_url("RECEIPT_URL", url, may_be_http=is_private and is_local)
    return ReceiptUrl(
        is_https=parts.scheme == "https",
        host=parts.hostname or "",
        port=_PORTS[parts.scheme] if parts.port is None else parts.port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        may_be_private=is_private,
    )


def _read_jwks_url(url: str | None, *, is_local: bool) -> str | None:
    """Read where public keys are. Whoever answers there makes tokens, so it has to be by TLS."""
    if url is not None:
        _split_url("AUTH_JWKS_URL", url, may_be_http=is_local)
    return url


def _split_url(variable: str, url: str, *, may_be_http: bool) -> SplitResult:
    """Take a URL apart that a request can be made of as it stands."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationWrong(f"{variable} is no URL") from None
    schemes = ("https", "http") if may_be_http else ("https",)
    if parts.scheme not in schemes:
        raise ConfigurationWrong(f"{variable} must begin with {' or '.join(schemes)}")
    if not host or "@" in parts.netloc or parts.fragment or not _is_printable_ascii(url):
        raise ConfigurationWrong(f"{variable} must have a host, no user, no fragment, ASCII alone")
    return parts


def _read_algorithm(value: str) -> str:
    if value not in ALGORITHMS:
        allowed = ", ".join(ALGORITHMS)
        raise ConfigurationWrong(f"AUTH_ALGORITHM is {value!r}; {allowed} are allowed")
    return value


def _is_printable_ascii(text: str) -> bool:
    return all("!" <= each <= "~" for each in text)


def _read_reference(reference: str | None, *, is_local: bool) -> str | None:
    if reference is None:
        return None
    if reference.startswith(PLAIN) and is_local:
        return reference
    if reference.startswith("arn:"):
        return reference
    raise ConfigurationWrong("RECEIPT_SECRET must be the ARN of a secret or of a parameter")


def _read_policy(value: str) -> Policy:
    try:
        return Policy(value)
    except ValueError:
        raise ConfigurationWrong(
            f"CONNECTION_POLICY is {value!r}; single and multi are allowed"
        ) from None


def _read_auth_mode(value: str) -> AuthMode:
    try:
        return AuthMode(value)
    except ValueError:
        raise ConfigurationWrong(f"AUTH_MODE is {value!r}; jwt and none are allowed") from None


def _read_number(variable: str, value: str, allowed: range, *, zero: str = "") -> int:
    """Read a number; `zero` says what 0 means, where that is not plain."""
    # isascii: isdigit alone takes digits of other scripts, and «²», which int refuses.
    is_number = value.isascii() and value.isdigit() and len(value) <= len(str(allowed.stop))
    if not is_number or int(value) not in allowed:
        least = f"{allowed.start} ({zero})" if zero else str(allowed.start)
        raise ConfigurationWrong(
            f"{variable} is {value!r}; {least} to {allowed.stop - 1} are allowed"
        )
    return int(value)


def _read_origins(value: str) -> frozenset[str]:
    """Read origins as browsers write them (RFC 6454, section 6.1): no path, in lower case."""
    found = frozenset(each.strip() for each in value.split(",") if each.strip())
    for each in found:
        try:
            parts = urlsplit(each)
            is_origin = each == f"{parts.scheme}://{parts.netloc}" and bool(parts.hostname)
        except ValueError:
            is_origin = False
        if not is_origin or each != each.lower() or "@" in each or not _is_printable_ascii(each):
            raise ConfigurationWrong(
                f"ALLOWED_ORIGINS has {each!r}; origins such as https://app.example.com are allowed"
            )
    return found


def _read_flag(variable: str, value: str) -> bool:
    match value:
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ConfigurationWrong(f"{variable} is {value!r}; true and false are allowed")
