"""The function against its own OpenAPI document: requests that it allows, and some that it doesn't.

Whatever the request, the answer is one that the document describes: its status, its content type,
its shape. What the document forbids is refused.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode

import push_api
from cloudpush import api_keys
from cloudpush.rights import Principal, Scope
from cloudpush.settings import AuthMode
from push_routes import describing
from tests.fakes.auth import CLOSED, a_token, bearer
from tests.fakes.lambda_events import FakeLambdaContext, http_event
from tests.functions.test_guard import ROUTES

if TYPE_CHECKING:
    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")

open_schema: Any = schemathesis.openapi.from_dict(
    describing.describe(push_api.app, is_closed=False)
)
closed_schema: Any = schemathesis.openapi.from_dict(
    describing.describe(push_api.app, is_closed=True)
)
allowed_schema: Any = schemathesis.openapi.from_dict(
    describing.describe(push_api.app, is_closed=True)
)
"""Requests that the document allows, and no others."""
allowed_schema.config.generation.update(modes=[GenerationMode.POSITIVE])

REGISTRY = cast("Any", checks).CHECKS
"""All checks there are, each generic in what it checks."""

CONFORMANCE: list[Any] = REGISTRY.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
REFUSAL: list[Any] = REGISTRY.get_by_names(["negative_data_rejection"])
BATCH = "/v1/messages:batch"
"""Answers item by item: a wrong message is no wrong request."""

SCOPES: list[tuple[Scope, ...]] = [(), *((each,) for each in Scope)]
"""Those that an API key of these tests has: none, or one."""

CLOSED_TO = {f"{method} {path}": set(SCOPES) - {(Scope(scope),)} for method, path, scope in ROUTES}
"""The keys that a route does not let in, where it goes by the scope alone."""

OPEN_TO_SOME = {"GET /server/get", "POST /v1/tickets"}
"""Routes where it depends on whom a request is for."""

MESSAGE = {"target": {"clients": ["alice"]}, "msg": {}}
FLOODS: dict[str, dict[str, Any]] = {
    "POST /message/send": {"to": "alice", "msg": {}},
    "POST /v1/messages": MESSAGE,
    f"POST {BATCH}": {"messages": [MESSAGE]},
}
"""What may be pushed too often."""


def call(case: Any, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401 — a `schemathesis.Case`, which is generic
    """Send a case to the function as the event that API Gateway would make of it."""
    arguments = case.as_transport_kwargs(base_url="https://push.example.com")
    for name in ("verify", "timeout", "allow_redirects", "cert", "proxies", "stream"):
        arguments.pop(name, None)
    request = requests.Request(**arguments).prepare()
    url = urlsplit(str(request.url))
    body = request.body.encode() if isinstance(request.body, str) else request.body
    event = http_event(str(request.method), url.path, query=url.query)
    if isinstance(body, bytes):
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    event["headers"].update({name.lower(): value for name, value in request.headers.items()})
    if headers is not None:
        event["headers"].pop("authorization", None)
        event["headers"].update(headers)
    answer = push_api.handler(event, FakeLambdaContext())
    return Response(
        status_code=answer["statusCode"],
        headers={name: [value] for name, value in answer["headers"].items()},
        content=answer["body"].encode(),
        request=request,
        elapsed=0.0,
        verify=False,
    )


def a_key(environment: Environment, *scopes: Scope, name: str = "backend") -> str:
    """Store an API key that may push to all, and return it."""
    principal = Principal(name=name, targets=("*",), scopes=frozenset(scopes))
    text, key = api_keys.make(principal, now_ms=environment.clock())
    environment.access.add_key(key)
    return text


def few(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@open_schema.parametrize()
@few(25)
def test_every_answer_is_described(case: Any, environment: Environment) -> None:  # noqa: ANN401 — as above
    environment.clock.advance(ms=60_000)

    case.validate_response(call(case), checks=CONFORMANCE + (REFUSAL if case.path != BATCH else []))


@closed_schema.parametrize()
@few(5)
def test_with_a_token_every_answer_is_described(case: Any, environment: Environment) -> None:  # noqa: ANN401 — as above
    environment.use(CLOSED, AuthMode.JWT)
    token = a_token(push="*", scope="push read admin")

    answer = call(case, bearer(token))

    case.validate_response(answer, checks=CONFORMANCE)
    assert answer.status_code not in {401, 403}


@allowed_schema.exclude(path="/health").parametrize()
@few(5)
def test_a_key_reaches_as_far_as_its_scope_and_every_answer_is_described(
    case: Any,  # noqa: ANN401 — as above
    environment: Environment,
) -> None:
    environment.use(CLOSED, AuthMode.JWT)
    keys = {scope: a_key(environment, *scope) for scope in SCOPES}

    answers = {scope: call(case, bearer(key)) for scope, key in keys.items()}

    for answer in answers.values():
        case.validate_response(answer, checks=CONFORMANCE)
    forbidden = {scope for scope, answer in answers.items() if answer.status_code == 403}
    assert forbidden >= CLOSED_TO.get(case.operation.label, set())  # more: in another's name
    assert [each for each in answers.values() if each.status_code == 401] == []


def test_of_every_route_it_is_known_to_whom_it_is_closed() -> None:
    labels = {each.ok().label for each in closed_schema.get_all_operations()}

    assert labels == set(CLOSED_TO) | OPEN_TO_SOME | {"GET /health"}


@pytest.mark.parametrize("label", FLOODS)
def test_a_key_that_floods_is_told_when_to_go_on_as_the_document_says(
    environment: Environment, label: str
) -> None:
    method, path = label.split()
    case = closed_schema[path][method].Case(body=FLOODS[label], media_type="application/json")
    environment.use(msgspec.structs.replace(CLOSED, push_rate=1), AuthMode.JWT)
    flooding, other = a_key(environment, Scope.PUSH), a_key(environment, Scope.PUSH, name="other")

    answers = [call(case, bearer(flooding)) for _ in range(10)]

    for answer in answers:
        case.validate_response(answer, checks=CONFORMANCE)
    assert answers[0].status_code in {200, 202}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"][0]) >= 1
    assert call(case, bearer(other)).status_code == answers[0].status_code


def test_every_429_of_the_document_is_reached() -> None:
    described = {
        f"{method.upper()} {path}"
        for path, operations in describing.describe(push_api.app, is_closed=True)["paths"].items()
        for method, operation in operations.items()
        if "429" in operation["responses"]
    }

    assert described == set(FLOODS)


@closed_schema.exclude(path="/health").parametrize()
@few(5)
def test_without_a_good_token_every_route_but_health_is_closed(
    case: Any,  # noqa: ANN401 — as above
    environment: Environment,
) -> None:
    environment.use(CLOSED, AuthMode.JWT)

    answer = call(case, {})

    case.validate_response(answer, checks=CONFORMANCE)
    assert answer.status_code in {400, 401, 404, 405}  # the last two: no such path, no such method


def test_the_document_can_be_written_as_json() -> None:
    document = describing.describe(push_api.app, is_closed=True)

    assert json.loads(json.dumps(document))["openapi"].startswith("3.1")
