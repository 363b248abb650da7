"""The frozen model of a template: what the emulator runs, with every value resolved.

`template.load` makes it from a file, everything after start-up only reads it. Logical ids are the
keys; names, ARNs and ids are as AWS would shape them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose account and region the emulator plays."""

    region: str = "us-east-1"
    account_id: str = "123456789012"
    partition: str = "aws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Lambda function."""

    logical_id: str
    name: str
    """`FunctionName`, or the logical id."""
    arn: str
    handler: str
    """`module.function`, dots or slashes in the module's part."""
    runtime: str
    """Such as `python3.13`, `nodejs22.x`, `provided.al2023`."""
    code: Path
    """The folder that is `/var/task`."""
    layers: tuple[Path, ...] = ()
    """Folders that are `/opt`, the later ones over the earlier."""
    environment: Mapping[str, str] = field(default_factory=_empty)
    """`Environment.Variables`, resolved."""
    timeout_seconds: int = 3
    memory_mb: int = 128
    reserved_concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What a route calls; AWS_PROXY to a function is the one kind supported."""

    logical_id: str
    function: str
    """Logical id of the function."""
    timeout_ms: int = 29_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of a WebSocket API."""

    logical_id: str
    route_key: str
    integration: Integration | None
    """None accepts ($connect) or ignores; AWS allows a route without target."""
    has_route_response: bool = False
    """Whether an `AWS::ApiGatewayV2::RouteResponse` makes the route two-way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of an API."""

    name: str
    variables: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketApi:
    """An API with `ProtocolType: WEBSOCKET`."""

    logical_id: str
    api_id: str
    """10 lower-case alphanumerics, always the same for a logical id."""
    name: str
    route_selection_expression: str
    routes: Mapping[str, Route]
    """By route key."""
    stages: Mapping[str, Stage]
    """By name."""

    def domain_name(self, identity: Identity) -> str:
        """Return the host as AWS names it: the events' `domainName`."""
        return f"{self.api_id}.execute-api.{identity.region}.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoute:
    """A route of an HTTP API."""

    method: str
    """`GET`, …, or `ANY`."""
    path: str
    """Such as `/users/{id}`, `/files/{proxy+}`; `$default` catches the rest."""
    integration: Integration

    @property
    def route_key(self) -> str:
        """Return the key as AWS writes it: `GET /path`, or `$default`."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """`CorsConfiguration` of an HTTP API."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_seconds: int | None = None
    allow_credentials: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApi:
    """An API with `ProtocolType: HTTP`, payload format 2.0."""

    logical_id: str
    api_id: str
    name: str
    routes: tuple[HttpRoute, ...]
    stage: Stage
    cors: Cors | None = None

    def domain_name(self, identity: Identity) -> str:
        """Return the host as AWS names it."""
        return f"{self.api_id}.execute-api.{identity.region}.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """An SQS queue."""

    logical_id: str
    name: str
    arn: str
    url: str
    attributes: Mapping[str, str] = field(default_factory=_empty)
    """As `CreateQueue` takes them, `RedrivePolicy` as JSON text included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A DynamoDB table."""

    logical_id: str
    name: str
    arn: str
    create: Mapping[str, Any]
    """Arguments of `CreateTable`."""
    ttl_attribute: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMapping:
    """An event source mapping from a queue to a function."""

    logical_id: str
    queue: str
    """Logical id."""
    function: str
    """Logical id."""
    batch_size: int = 10
    batching_window_seconds: int = 0
    reports_batch_item_failures: bool = False
    maximum_concurrency: int | None = None
    is_enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A rule or schedule that invokes a function."""

    logical_id: str
    name: str
    expression: str
    """`rate(…)` or `cron(…)`; a scheduler's also `at(…)`."""
    function: str
    """Logical id."""
    payload: str | None = None
    """`Input`, a JSON text; None sends the event of the service."""
    kind: str = "rule"
    """`rule` (`AWS::Events::Rule`) or `scheduler` (`AWS::Scheduler::Schedule`)."""
    is_enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A resource, or a part of one, that nothing here emulates."""

    logical_id: str
    type: str
    reason: str = ""
    """Why, where the type alone doesn't say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Everything that one template declares and the emulator runs."""

    template: Path
    identity: Identity
    functions: Mapping[str, Function]
    websocket_apis: Mapping[str, WebSocketApi]
    http_apis: Mapping[str, HttpApi]
    queues: Mapping[str, Queue]
    tables: Mapping[str, Table]
    queue_mappings: tuple[QueueMapping, ...]
    schedules: tuple[Schedule, ...]
    ignored: tuple[Ignored, ...] = ()
    """What the file declares and nothing here emulates: whole resources first."""
    permissions: frozenset[tuple[str, str]] = frozenset()
    """Function logical id and `SourceArn` of each `AWS::Lambda::Permission` for API Gateway."""
    outputs: Mapping[str, str] = field(default_factory=_empty)
    """`Outputs` that could be resolved."""
