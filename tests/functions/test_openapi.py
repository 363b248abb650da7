"""The function against its own OpenAPI document: requests that it allows, and some that it doesn't.

Whatever the request, the answer is one that the document describes: its status, its content type,
its shape. What the document forbids is refused.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.core.transport import Response

import push_api
from cloudpush.settings import AuthMode
from push_routes import describing
from tests.fakes.auth import CLOSED, a_token, bearer
from tests.fakes.lambda_events import FakeLambdaContext, http_event

if TYPE_CHECKING:
    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")

open_schema: Any = schemathesis.openapi.from_dict(
    describing.describe(push_api.app, is_closed=False)
)
closed_schema: Any = schemathesis.openapi.from_dict(
    describing.describe(push_api.app, is_closed=True)
)

REGISTRY = cast("Any", checks).CHECKS
"""All checks there are, each generic in what it checks."""

CONFORMANCE: list[Any] = REGISTRY.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ]
)
REFUSAL: list[Any] = REGISTRY.get_by_names(["negative_data_rejection"])
BATCH = "/v1/messages:batch"
"""Answers item by item: a wrong message is no wrong request."""


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
