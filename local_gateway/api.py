"""The frozen model of a template: what the emulator runs, with every value resolved.

`template.load` makes it from a file, everything after start-up only reads it. Logical ids are the
keys; names, ARNs and ids are as AWS would shape them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CustomKind: TypeAlias = Literal["AWS", "HTTP_PROXY", "HTTP", "MOCK"]
Passthrough: TypeAlias = Literal["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"]
Authorization: TypeAlias = Literal["NONE", "AWS_IAM", "CUSTOM"]


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
class Role:
    """The role of a function, whose policies are all known."""

    logical_id: str
    name: str
    policies: tuple[Any, ...]
    """Policy documents, as JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationResponse:
    """What a non-proxy integration makes of one kind of back-end answer."""

    key: str
    """`$default`, `/regex/` or a text, over what the integration response selection expression
    gives: the error message of a function, else the status."""
    template_selection: str | None = None
    """Chooses among `templates`; None is `$default`."""
    templates: Mapping[str, str] = field(default_factory=_empty)
    """VTL by template key."""
    is_binary: bool = False
    """`CONVERT_TO_TEXT`: the back-end's bytes are sent to the client as base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaProxy:
    """An `AWS_PROXY` integration: a function of the template gets the event, and answers."""

    logical_id: str
    function: str
    """Logical id."""
    functions: Mapping[str, str] = field(default_factory=_empty)
    """Logical ids by stage, where the URI names the function by a stage variable; the stages that
    are not in it call `function`."""
    timeout_ms: int = 29_000
    has_credentials: bool = False
    """Whether a role lets the gateway invoke the function, which then needs no permission."""

    def function_in(self, stage: str) -> str:
        """Return the logical id of what a stage calls."""
        return self.functions.get(stage, self.function)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAction:
    """An action of a service that is embedded here."""

    service: Literal["dynamodb", "sqs"]
    action: str | None = None
    """Such as `PutItem`; None where the request names it."""
    queue_url: str | None = None
    """Of the queue that an SQS path names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomIntegration:
    """Any other integration of a WebSocket route: its request and response may be mapped."""

    logical_id: str
    kind: CustomKind
    function: str | None = None
    """Logical id, of an `AWS` that calls one."""
    functions: Mapping[str, str] = field(default_factory=_empty)
    """As for `LambdaProxy`."""
    service: ServiceAction | None = None
    """Of an `AWS` that calls none."""
    uri: str | None = None
    """Of `HTTP` and `HTTP_PROXY`; may hold `${stageVariables.x}`, and `{x}` for a parameter."""
    method: str = "POST"
    """`IntegrationMethod`, of `HTTP` and `HTTP_PROXY`."""
    timeout_ms: int = 29_000
    has_credentials: bool = False
    """Whether a role lets the gateway invoke the function, which then needs no permission."""
    passthrough: Passthrough = "WHEN_NO_MATCH"
    template_selection: str | None = None
    """Chooses among `templates`; None is `$default`."""
    templates: Mapping[str, str] = field(default_factory=_empty)
    """`RequestTemplates`: VTL by template key."""
    parameters: Mapping[str, str] = field(default_factory=_empty)
    """`RequestParameters`: `integration.request.header.X` and the like to an expression."""
    responses: tuple[IntegrationResponse, ...] = ()
    """`AWS::ApiGatewayV2::IntegrationResponse`, in the template's order; proxies need none."""
    is_binary: bool = False
    """`CONVERT_TO_BINARY`: the message is base64, and its bytes are sent."""


Integration: TypeAlias = LambdaProxy | CustomIntegration


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """A token bucket of a stage, a route or a usage plan; None leaves a side unlimited."""

    rate: float | None = None
    """Requests per second."""
    burst: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """A Lambda REQUEST authorizer."""

    logical_id: str
    authorizer_id: str
    name: str
    function: str
    """Logical id."""
    functions: Mapping[str, str] = field(default_factory=_empty)
    """As for `LambdaProxy`."""
    identity_sources: tuple[str, ...] = ()
    """Such as `route.request.querystring.token`; all are required."""
    has_credentials: bool = False
    """Whether a role lets the gateway invoke the function, which then needs no permission."""

    def function_in(self, stage: str) -> str:
        """Return the logical id of what a stage calls."""
        return self.functions.get(stage, self.function)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A JSON schema (draft 4) that messages can be held against."""

    logical_id: str
    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An `AWS::ApiGateway::ApiKey`."""

    logical_id: str
    key_id: str
    name: str
    value: str
    """As given; one derived from the logical id, always the same, where AWS would draw one."""
    is_drawn: bool = False
    """Whether the template leaves the value to AWS."""
    is_enabled: bool = False
    """`Enabled`, which is false unless the template says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePlan:
    """An `AWS::ApiGateway::UsagePlan` with the keys that `UsagePlanKey`s tie to it."""

    logical_id: str
    plan_id: str
    stages: frozenset[tuple[str, str]]
    """API id and stage name."""
    keys: tuple[str, ...]
    """Logical ids of `ApiKey`s."""
    throttle: Throttle | None = None
    quota_limit: int | None = None
    """Requests of a key in a period."""
    quota_offset: int = 0
    """How many fewer they are in the first period."""
    quota_period: str | None = None
    """`DAY`, `WEEK` or `MONTH`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of a WebSocket API."""

    logical_id: str
    route_key: str
    integration: Integration | None
    """None accepts ($connect) or ignores; AWS allows a route without target."""
    has_route_response: bool = False
    """Whether an `AWS::ApiGatewayV2::RouteResponse` makes the route two-way."""
    authorization: Authorization = "NONE"
    authorizer: Authorizer | None = None
    """Of `CUSTOM`."""
    is_api_key_required: bool = False
    request_parameters: Mapping[str, bool] = field(default_factory=_empty)
    """`route.request.querystring.x` and the like to whether it is required."""
    model_selection: str | None = None
    models: Mapping[str, Model] = field(default_factory=_empty)
    """`RequestModels`: by what `model_selection` gives, or `$default`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of an API."""

    name: str
    variables: Mapping[str, str] = field(default_factory=_empty)
    throttle: Throttle | None = None
    """`DefaultRouteSettings`."""
    route_throttles: Mapping[str, Throttle] = field(default_factory=_empty)
    """`RouteSettings` by route key; what one leaves open is the stage's."""
    missing_routes: tuple[str, ...] = ()
    """Keys of the routes that its deployment doesn't depend on, so that AWS may lack them."""
    deployment: str | None = None
    """Logical id of the deployment that it serves; None with AutoDeploy, which serves what is."""


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
    api_key_selection: str = "$request.header.x-api-key"

    def domain_name(self, identity: Identity) -> str:
        """Return the host as AWS names it: the events' `domainName`."""
        return f"{self.api_id}.execute-api.{identity.region}.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedStage:
    """What a custom domain stands for."""

    api: str
    """Logical id of a WebSocket API."""
    stage: str
    """One of its stages, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoute:
    """A route of an HTTP API."""

    method: str
    """`GET`, …, or `ANY`."""
    path: str
    """Such as `/users/{id}`, `/files/{proxy+}`; `$default` catches the rest."""
    integration: LambdaProxy

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
    api_keys: Mapping[str, ApiKey] = field(default_factory=_empty)
    usage_plans: Mapping[str, UsagePlan] = field(default_factory=_empty)
    permissions: frozenset[tuple[str, str]] = frozenset()
    """Function logical id and `SourceArn` of each `AWS::Lambda::Permission` for API Gateway."""
    custom_domains: Mapping[str, Mapping[str, MappedStage]] = field(default_factory=_empty)
    """By domain name in lower case, then by mapping key, which may be empty."""
    roles: Mapping[str, Role] = field(default_factory=_empty)
    """By the logical id of the function; those that can't be known are not there."""
    outputs: Mapping[str, str] = field(default_factory=_empty)
    """`Outputs` that could be resolved."""
    included: tuple[Path, ...] = ()
    """Files that the template takes parts from (`AWS::Include`)."""
