"""API keys and usage plans: KEY."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from local_gateway import clock
from local_gateway.api import ApiKey, Throttle, UsagePlan
from tests.fakes.authorizers import authorized_route, result
from tests.fakes.functions import RecordingFunctions
from tests.fakes.gateway import API_ID, Gateway, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from local_gateway.api import Application

    StartGateway = Callable[..., Awaitable[Gateway]]
    LoadTemplate = Callable[[str], Application]

VALUE = "mobile-mobile-mobile"
ROUTES = (
    route("$connect", "connect", is_api_key_required=True),
    route("$disconnect", "disconnect"),
    route("$default", "default"),
)


def key(name: str, *, is_enabled: bool = True) -> ApiKey:
    lower = name.lower()
    return ApiKey(
        logical_id=name,
        key_id=f"{lower}-id",
        name=name,
        value=f"{lower}-{lower}-{lower}",
        is_enabled=is_enabled,
    )


KEYS = (key("Mobile"), key("Disabled", is_enabled=False), key("Planless"))
PLAN = UsagePlan(
    logical_id="Gold",
    plan_id="abcdef",
    stages=frozenset({(API_ID, "dev")}),
    keys=("Mobile", "Disabled"),
)


def declared(**plan: Any) -> dict[str, Any]:  # noqa: ANN401 — of the model
    """Declare three keys, and a plan with the first two for the stage `dev`."""
    return {
        "api_keys": {each.logical_id: each for each in KEYS},
        "usage_plans": {"Gold": replace(PLAN, **plan)},
    }


@pytest.fixture
def own_time() -> Iterator[None]:
    """Let a test move the emulated time, and put it back."""
    state = clock.state()
    yield
    clock.follow(state)


async def start(start_gateway: StartGateway, **plan: Any) -> Gateway:  # noqa: ANN401 — of the model
    return await start_gateway(*ROUTES, declared=declared(**plan))


def connect(gateway: Gateway, value: str | None = VALUE) -> Any:  # noqa: ANN401 — of websockets
    headers = {} if value is None else {"X-API-Key": value}
    return gateway.connect(additional_headers=headers)


async def refusal(gateway: Gateway, value: str | None = VALUE) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as raised:
        await connect(gateway, value)
    response = raised.value.response
    return response.status_code, bytes(response.body or b"")


@pytest.mark.clause("KEY-1")
async def test_a_key_of_a_plan_of_the_stage_lets_in(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway)

    async with connect(gateway) as client:
        assert client.response.status_code == 101


@pytest.mark.clause("KEY-2")
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "there is no API key"),
        ("", "there is no API key"),
        ("mobile", "the API key is unknown"),
        ("disabled-disabled-disabled", "the API key Disabled is disabled"),
        ("planless-planless-planless", "is in no usage plan of the stage dev"),
    ],
)
async def test_another_key_is_forbidden(
    start_gateway: StartGateway, value: str | None, problem: str
) -> None:
    gateway = await start(start_gateway)

    assert await refusal(gateway, value) == (403, b'{"message":"Forbidden"}')
    assert gateway.functions.events("connect") == []
    assert problem in gateway.lines[0]


@pytest.mark.clause("KEY-2")
async def test_a_plan_of_another_stage_does_not_count(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, stages=frozenset({(API_ID, "prod")}))

    assert await refusal(gateway) == (403, b'{"message":"Forbidden"}')


@pytest.mark.clause("KEY-2")
async def test_without_a_key_the_authorizer_is_not_asked(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(authorize=lambda _: result())
    gateway = await start_gateway(
        authorized_route(is_api_key_required=True), functions=functions, declared=declared()
    )

    status, _ = await refusal(gateway, None)

    assert status == 403
    assert functions.events("authorize") == []


@pytest.mark.clause("KEY-3")
@pytest.mark.parametrize(
    ("value", "status"), [(VALUE, 101), ("unknown", 403), ("disabled-disabled-disabled", 403)]
)
async def test_the_authorizer_may_say_the_key(
    start_gateway: StartGateway, value: str, status: int
) -> None:
    functions = RecordingFunctions(authorize=lambda _: result(usageIdentifierKey=value))
    gateway = await start_gateway(
        authorized_route(is_api_key_required=True),
        functions=functions,
        declared=declared(),
        api={"api_key_selection": "$context.authorizer.usageIdentifierKey"},
    )

    found, _ = await refusal(gateway, None) if status != 101 else (101, b"")
    if status == 101:
        async with connect(gateway, None):
            pass

    assert found == status


@pytest.mark.clause("KEY-4")
async def test_connect_has_the_key_in_front(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway)

    async with connect(gateway):
        event = await gateway.functions.next_event("connect")

    assert list(event["requestContext"]["identity"].items())[:2] == [
        ("apiKey", VALUE),
        ("apiKeyId", "mobile-id"),
    ]


@pytest.mark.clause("KEY-5")
async def test_later_events_have_no_key(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway)

    async with connect(gateway) as client:
        await client.send("hello")
        message = await gateway.functions.next_event("default")
    disconnect = await gateway.functions.next_event("disconnect")

    for event in (message, disconnect):
        assert list(event["requestContext"]["identity"]) == ["userAgent", "sourceIp"]


@pytest.mark.clause("KEY-6")
async def test_beyond_the_throttle_it_is_429(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, throttle=Throttle(rate=0.001, burst=2))

    for _ in range(2):
        async with connect(gateway):
            pass

    assert await refusal(gateway) == (429, b'{"message":"Too Many Requests"}')


@pytest.mark.clause("KEY-7")
async def test_beyond_the_quota_it_is_429(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, quota_limit=2, quota_period="DAY")

    for _ in range(2):
        async with connect(gateway):
            pass

    assert await refusal(gateway) == (429, b'{"message":"Limit Exceeded"}')


@pytest.mark.clause("KEY-8")
@pytest.mark.usefixtures("own_time")
async def test_a_new_day_has_a_new_quota(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, quota_limit=1, quota_period="DAY")
    async with connect(gateway):
        pass
    status, _ = await refusal(gateway)

    await clock.advance(86_400)
    async with connect(gateway) as client:
        assert client.response.status_code == 101

    assert status == 429


@pytest.mark.clause("KEY-9")
async def test_an_offset_lessens_the_first_period(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, quota_limit=2, quota_offset=1, quota_period="DAY")

    async with connect(gateway):
        pass

    assert await refusal(gateway) == (429, b'{"message":"Limit Exceeded"}')


@pytest.mark.clause("KEY-11")
@pytest.mark.parametrize(
    ("written", "is_enabled"), [("", False), ("Enabled: false", False), ("Enabled: true", True)]
)
def test_a_key_is_disabled_unless_it_says_otherwise(
    load_template: LoadTemplate, written: str, *, is_enabled: bool
) -> None:
    application = load_template(
        f"""
Resources:
  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: {{ Name: mine, {written} }}
"""
    )

    assert application.api_keys["Key"].is_enabled == is_enabled
