"""Throttles of stages and routes. Their rates are so low that nothing comes back during a test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway import clock
from local_gateway.api import LambdaProxy, Throttle
from local_gateway.errors import TemplateError
from tests.fakes.functions import RecordingFunctions, accept
from tests.fakes.integrations import accepted, refusal, route_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from websockets.asyncio.client import ClientConnection

    from local_gateway.api import Application
    from tests.fakes.functions import Event
    from tests.fakes.gateway import Gateway

    LoadTemplate = Callable[[str], Application]
    StartGateway = Callable[..., Awaitable[Gateway]]

ASK = LambdaProxy(logical_id="Ask", function="ask")
NEVER_AGAIN = 0.000_001
"""A rate, per second."""
RESOURCES = """
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ Name: a, ProtocolType: {protocol}, RouteSelectionExpression: $request.body.action }}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ ApiId: !Ref Api, StageName: dev, AutoDeploy: true, {stage} }}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Function.Arn, PayloadFormatVersion: "2.0" }}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${{Integration}}" }}
  Function:
    Type: AWS::Lambda::Function
    Properties: {{ Code: ., Handler: app.handler, Runtime: python3.13 }}
"""  # noqa: E501 — as a template's author writes it


@pytest.fixture
def own_time() -> Iterator[None]:
    """Let a test move the emulated time, and put it back."""
    state = clock.state()
    yield
    clock.follow(state)


def echo() -> RecordingFunctions:
    def answer(event: Event) -> object:
        return {"statusCode": 200, "body": event["requestContext"]["routeKey"]}

    return RecordingFunctions(ask=answer, connect=accept)


async def say(client: ClientConnection, action: str = "") -> str:
    """Send a message, and return what comes next: a route key, or the text of an error frame."""
    async with asyncio.timeout(10):
        await client.send(orjson.dumps({"action": action}).decode())
        answer = str(await client.recv())
    return orjson.loads(answer)["message"] if answer.startswith("{") else answer


@pytest.mark.clause("THROTTLE-1")
async def test_a_burst_of_messages_is_let_through(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK), functions=echo(), throttle=Throttle(rate=NEVER_AGAIN, burst=2)
    )

    async with gateway.connect() as first, gateway.connect() as second:
        said = [await say(first), await say(second), await say(first), await say(second)]

    assert said == ["$default", "$default", "Too Many Requests", "Too Many Requests"]


@pytest.mark.clause("THROTTLE-1")
@pytest.mark.usefixtures("own_time")
async def test_a_token_comes_back_at_the_rate(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK), functions=echo(), throttle=Throttle(rate=2, burst=1)
    )

    async with gateway.connect() as client:
        said = [await say(client), await say(client)]
        await clock.advance(0.5)
        said += [await say(client), await say(client)]

    assert said == ["$default", "Too Many Requests"] * 2


@pytest.mark.clause("THROTTLE-2")
async def test_settings_of_a_route_go_first(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK),
        route_to(ASK, "often"),
        functions=echo(),
        throttle=Throttle(rate=NEVER_AGAIN, burst=1),
        route_throttles={"often": Throttle(burst=3)},
    )

    async with gateway.connect() as client:
        often = [await say(client, "often") for _ in range(4)]
        other = [await say(client), await say(client)]

    assert often == ["often", "often", "often", "Too Many Requests"]
    assert other == ["$default", "Too Many Requests"]


@pytest.mark.clause("THROTTLE-2")
def test_settings_of_a_route_that_is_not_there_are_refused(load_template: LoadTemplate) -> None:
    settings = "RouteSettings: { join: { ThrottlingBurstLimit: 1 } }"
    template = RESOURCES.format(protocol="WEBSOCKET", stage=settings)

    with pytest.raises(TemplateError, match="names 'join', no route of Api"):
        load_template(template)


@pytest.mark.clause("THROTTLE-3")
async def test_each_route_has_its_own_bucket(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK),
        route_to(ASK, "a"),
        functions=echo(),
        throttle=Throttle(rate=NEVER_AGAIN, burst=1),
    )

    async with gateway.connect() as client:
        said = [await say(client), await say(client), await say(client, "a")]

    assert said == ["$default", "Too Many Requests", "a"]


@pytest.mark.clause("THROTTLE-4")
async def test_a_handshake_beyond_the_limit_is_429(start_gateway: StartGateway) -> None:
    connect = LambdaProxy(logical_id="Connect", function="connect")
    gateway = await start_gateway(
        route_to(connect, "$connect"),
        functions=echo(),
        route_throttles={"$connect": Throttle(rate=NEVER_AGAIN, burst=1)},
    )

    assert await accepted(gateway) is None
    response = await refusal(gateway)

    assert response.status == 429
    assert response.body == b'{"message":"Too Many Requests"}'
    assert len(gateway.functions.events("connect")) == 1


@pytest.mark.clause("THROTTLE-5")
async def test_a_message_beyond_the_limit_calls_nothing(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK),
        route_to(ASK, "free"),
        functions=echo(),
        route_throttles={"$default": Throttle(rate=NEVER_AGAIN, burst=1)},
    )

    async with asyncio.timeout(10), gateway.connect() as client:
        await say(client)
        await client.send("{}")
        frame = str(await client.recv())
        answer = await say(client, "free")

    found = orjson.loads(frame)
    assert frame == (
        f'{{"message": "Too Many Requests", "connectionId":"{found["connectionId"]}", '
        f'"requestId":"{found["requestId"]}"}}'
    )
    assert answer == "free"
    assert len(gateway.functions.events("ask")) == 2


@pytest.mark.clause("THROTTLE-6")
@pytest.mark.parametrize(
    ("throttle", "rate", "burst"),
    [(Throttle(burst=7), 10_000, 7), (Throttle(rate=7), 7, 5_000)],
)
async def test_what_a_limit_leaves_open_is_the_accounts(
    start_gateway: StartGateway, throttle: Throttle, rate: float, burst: float
) -> None:
    gateway = await start_gateway(throttle=throttle)

    bucket = gateway.front.deployment(gateway.api, gateway.api.stages["dev"]).connect_bucket
    assert bucket is not None
    assert (bucket.per_second, bucket.burst) == (rate, burst)


@pytest.mark.clause("THROTTLE-7")
async def test_a_limit_of_nothing_lets_nothing_through(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK), functions=echo(), route_throttles={"$default": Throttle(rate=0, burst=0)}
    )

    async with gateway.connect() as client:
        assert await say(client) == "Too Many Requests"


@pytest.mark.clause("THROTTLE-8")
async def test_a_goodbye_is_not_throttled(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(ask=accept)
    gateway = await start_gateway(
        route_to(ASK, "$disconnect"),
        functions=functions,
        route_throttles={"$disconnect": Throttle(rate=0, burst=0)},
    )

    await accepted(gateway)

    async with asyncio.timeout(10):
        event = await functions.next_event("ask")
    assert event["requestContext"]["eventType"] == "DISCONNECT"


@pytest.mark.clause("THROTTLE-9")
def test_throttles_of_an_http_api_are_refused(load_template: LoadTemplate) -> None:
    settings = "DefaultRouteSettings: { ThrottlingRateLimit: 5 }"
    template = RESOURCES.format(protocol="HTTP", stage=settings)

    with pytest.raises(TemplateError, match="ThrottlingRateLimit: is 5"):
        load_template(template)
