"""Models of messages, and required parameters of handshakes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from local_gateway.api import LambdaProxy, Model
from local_gateway.errors import TemplateError
from tests.fakes.functions import RecordingFunctions
from tests.fakes.integrations import accepted, ask, custom, error, refusal, route_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local_gateway.api import Application
    from tests.fakes.functions import Event
    from tests.fakes.gateway import Gateway

    LoadTemplate = Callable[[str], Application]
    StartGateway = Callable[..., Awaitable[Gateway]]

ASK = LambdaProxy(logical_id="Ask", function="ask")
JOIN = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["room"],
    "properties": {"room": {"type": "string"}},
}
RESOURCES = """
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ ApiId: !Ref Api, StageName: dev, AutoDeploy: true }}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ ApiId: !Ref Api, {route} }}
  Model:
    Type: AWS::ApiGatewayV2::Model
    Properties: {{ ApiId: !Ref Api, Name: JoinModel, Schema: {schema} }}
"""  # noqa: E501 — as a template's author writes it


def template(route: str, schema: str = "{ type: object }") -> str:
    """Write a template with these properties of its route and this schema."""
    return RESOURCES.format(route=route, schema=schema)


def model(schema: dict[str, Any], name: str = "JoinModel") -> Model:
    return Model(logical_id=name, name=name, schema=schema)


def echo() -> RecordingFunctions:
    def answer(event: Event) -> object:
        return {"statusCode": 200, "body": f"got {event['body']}"}

    return RecordingFunctions(ask=answer)


@pytest.mark.clause("MODEL-1")
async def test_a_message_that_is_allowed_goes_on(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(ASK, models={"$default": model(JOIN)}), functions=echo())

    assert await ask(gateway, '{"room":"lobby"}') == 'got {"room":"lobby"}'


@pytest.mark.clause("MODEL-2")
async def test_a_message_that_is_not_allowed_is_told_so(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(ASK, models={"$default": model(JOIN)}), functions=echo())

    async with asyncio.timeout(10), gateway.connect() as client:
        await client.send('{"room":5}')
        frame = str(await client.recv())
        await client.send('{"room":"lobby"}')
        answer = await client.recv()

    found = orjson.loads(frame)
    assert frame == (
        f'{{"message": "Invalid request body", "connectionId":"{found["connectionId"]}", '
        f'"requestId":"{found["requestId"]}"}}'
    )
    assert answer == 'got {"room":"lobby"}'
    assert len(gateway.functions.events("ask")) == 1


@pytest.mark.clause("MODEL-3")
async def test_the_message_selects_its_model(start_gateway: StartGateway) -> None:
    models = {"join": model(JOIN), "$default": model({"required": ["text"]}, "Any")}
    gateway = await start_gateway(
        route_to(ASK, models=models, model_selection="$request.body.kind"), functions=echo()
    )

    assert await error(gateway, '{"kind":"join","text":""}') == "Invalid request body"
    assert (await ask(gateway, '{"kind":"join","room":""}')).startswith("got")
    assert (await ask(gateway, '{"kind":"other","text":""}')).startswith("got")
    assert await error(gateway, '{"kind":"other","room":""}') == "Invalid request body"


@pytest.mark.clause("MODEL-4")
@pytest.mark.parametrize("text", ['{"kind":"other"}', "{}"])
async def test_a_message_without_a_model_is_not_allowed(
    start_gateway: StartGateway, text: str
) -> None:
    gateway = await start_gateway(
        route_to(ASK, models={"join": model({})}, model_selection="$request.body.kind"),
        functions=echo(),
    )

    assert await error(gateway, text) == "Invalid request body"
    assert gateway.functions.events("ask") == []


@pytest.mark.clause("MODEL-5")
async def test_without_an_expression_the_default_is_selected(start_gateway: StartGateway) -> None:
    models = {"join": model({}), "$default": model(JOIN)}
    gateway = await start_gateway(route_to(ASK, models=models), functions=echo())

    assert await error(gateway, '{"kind":"join"}') == "Invalid request body"


@pytest.mark.clause("MODEL-6")
async def test_without_models_any_message_goes_on(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(ASK, model_selection="$request.body.kind"), functions=echo()
    )

    assert await ask(gateway, "text") == "got text"


@pytest.mark.clause("MODEL-7")
@pytest.mark.parametrize("text", ["text", "", "NaN", '{"a":1'])
async def test_a_message_that_is_not_json_is_not_allowed(
    start_gateway: StartGateway, text: str
) -> None:
    gateway = await start_gateway(route_to(ASK, models={"$default": model({})}), functions=echo())

    assert await error(gateway, text) == "Invalid request body"


@pytest.mark.clause("MODEL-8")
async def test_a_schema_is_read_as_draft_4(start_gateway: StartGateway) -> None:
    # From draft 6 on `exclusiveMinimum` is a number, and `const` means something.
    schema = {"properties": {"n": {"minimum": 5, "exclusiveMinimum": True}, "c": {"const": 1}}}
    gateway = await start_gateway(
        route_to(ASK, models={"$default": model(schema)}), functions=echo()
    )

    assert await error(gateway, '{"n":5}') == "Invalid request body"
    assert await ask(gateway, '{"n":6,"c":2}') == 'got {"n":6,"c":2}'


@pytest.mark.clause("MODEL-8")
def test_a_schema_that_is_none_is_refused(load_template: LoadTemplate) -> None:
    with pytest.raises(TemplateError, match=r"Schema\.type: is no JSON schema \(draft 4\)"):
        load_template(template("RouteKey: $default", "{ type: thing }"))


@pytest.mark.clause("MODEL-9")
async def test_other_integrations_are_validated_too(start_gateway: StartGateway) -> None:
    mock = custom("MOCK", responses={"$default": "fine"})
    gateway = await start_gateway(route_to(mock, models={"$default": model(JOIN)}))

    assert await error(gateway, "{}") == "Invalid request body"
    assert await ask(gateway, '{"room":"lobby"}') == "fine"


@pytest.mark.clause("MODEL-10")
async def test_a_schema_refers_to_its_parts(start_gateway: StartGateway) -> None:
    schema = {
        "definitions": {"name": {"type": "string"}},
        "properties": {"room": {"$ref": "#/definitions/name"}},
    }
    gateway = await start_gateway(
        route_to(ASK, models={"$default": model(schema)}), functions=echo()
    )

    assert await error(gateway, '{"room":1}') == "Invalid request body"
    assert await ask(gateway, '{"room":"a"}') == 'got {"room":"a"}'


@pytest.mark.clause("MODEL-10")
def test_a_reference_elsewhere_is_refused(load_template: LoadTemplate) -> None:
    with pytest.raises(TemplateError, match=r"refers to 'https://example\.com/a\.json'"):
        load_template(template("RouteKey: $default", '{ $ref: "https://example.com/a.json" }'))


@pytest.mark.clause("MODEL-11")
def test_a_model_is_named_by_its_name(load_template: LoadTemplate) -> None:
    application = load_template(
        template("RouteKey: $default, RequestModels: { $default: JoinModel }")
    )

    models = application.websocket_apis["Api"].routes["$default"].models
    assert [found.logical_id for found in models.values()] == ["Model"]


@pytest.mark.clause("MODEL-11")
@pytest.mark.parametrize("name", ["!Ref Model", "Model"])
def test_a_model_that_is_not_named_is_refused(load_template: LoadTemplate, name: str) -> None:
    with pytest.raises(TemplateError, match="Supported: JoinModel"):
        load_template(template(f"RouteKey: $default, RequestModels: {{ $default: {name} }}"))


@pytest.mark.clause("MODEL-12")
@pytest.mark.parametrize("key", ["$connect", "$disconnect"])
def test_a_model_of_what_has_no_body_is_refused(load_template: LoadTemplate, key: str) -> None:
    with pytest.raises(TemplateError, match="RequestModels: has models"):
        load_template(template(f"RouteKey: {key}, RequestModels: {{ $default: JoinModel }}"))


@pytest.mark.clause("MODEL-13")
async def test_a_handshake_without_a_required_parameter_is_400(
    start_gateway: StartGateway,
) -> None:
    parameters = {
        "route.request.querystring.token": True,
        "route.request.header.X-Kind": True,
        "route.request.querystring.optional": False,
    }
    gateway = await start_gateway(route_to(ASK, "$connect", request_parameters=parameters))

    response = await refusal(gateway, "?optional=1")

    assert response.status == 400
    assert response.body == (b'{"message":"Missing required request parameters: [token, X-Kind]"}')
    assert gateway.functions.events("ask") == []


@pytest.mark.clause("MODEL-13")
async def test_a_route_without_an_integration_requires_too(start_gateway: StartGateway) -> None:
    parameters = {"route.request.querystring.token": True}
    gateway = await start_gateway(route_to(None, "$connect", request_parameters=parameters))

    assert (await refusal(gateway)).status == 400
    assert await accepted(gateway, "?token=") is None


@pytest.mark.clause("MODEL-14")
async def test_a_required_header_is_there_in_any_case(start_gateway: StartGateway) -> None:
    parameters = {"route.request.header.X-Kind": True}
    gateway = await start_gateway(route_to(ASK, "$connect", request_parameters=parameters))

    assert await accepted(gateway, additional_headers={"x-kind": "a"}) is None


@pytest.mark.clause("MODEL-15")
def test_parameters_of_another_route_are_refused(load_template: LoadTemplate) -> None:
    declared = "RequestParameters: { route.request.header.X: { Required: true } }"

    with pytest.raises(TemplateError, match="Supported: parameters of"):
        load_template(template(f"RouteKey: $default, {declared}"))
