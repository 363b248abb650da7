"""Integrations other than a Lambda proxy, with real back-ends on loopback."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from local_gateway.api import IntegrationResponse, ServiceAction
from local_gateway.errors import TemplateError
from tests.fakes.functions import Raw, RecordingFunctions
from tests.fakes.gateway import API_ID
from tests.fakes.http_server import Reply, ScriptedServer, answer
from tests.fakes.integrations import (
    accepted,
    ask,
    ask_json,
    custom,
    error,
    refusal,
    route_to,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from local_gateway.api import Application, CustomKind
    from tests.fakes.functions import Event
    from tests.fakes.gateway import Gateway

    LoadTemplate = Callable[[str], Application]
    StartGateway = Callable[..., Awaitable[Gateway]]

EVENT_TEMPLATE = '{"said":$input.json("$.text")}'
STATUS_TEMPLATE = '{"statusCode":$input.json("$.status")}'
RESOURCES = """
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ ApiId: !Ref Api, StageName: dev, AutoDeploy: true, StageVariables: {{ function: one }} }}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ ApiId: !Ref Api, {integration} }}
  Response:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties: {{ ApiId: !Ref Api, IntegrationId: !Ref Integration, IntegrationResponseKey: $default, {response} }}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${{Integration}}" }}
  Function:
    Type: AWS::Lambda::Function
    Properties: {{ FunctionName: one, Code: ., Handler: app.handler, Runtime: python3.13 }}
"""  # noqa: E501 — as a template's author writes it


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as started:
        yield started


def template(integration: str, response: str = "") -> str:
    """Write a template with these properties of its integration and integration response."""
    return RESOURCES.format(integration=integration, response=response)


def failing(event: Event) -> object:
    raise ValueError(event["said"])


def hook(server: ScriptedServer, path: str = "hook") -> str:
    return f"http://127.0.0.1:{server.port}/{path}"


@pytest.mark.clause("INTEGRATION-1")
async def test_a_mock_answers_with_the_status_of_its_template(start_gateway: StartGateway) -> None:
    mock = custom("MOCK", STATUS_TEMPLATE, responses={"/2../": "fine", "/404/": "not found"})
    gateway = await start_gateway(route_to(mock))

    assert await ask(gateway, '{"status":404}') == "not found"


@pytest.mark.clause("INTEGRATION-2")
async def test_a_mock_without_a_status_answers_200(start_gateway: StartGateway) -> None:
    mock = custom("MOCK", responses={"/200/": "fine", "$default": "other"})
    gateway = await start_gateway(route_to(mock))

    assert await ask(gateway, "no JSON") == "fine"


@pytest.mark.clause("INTEGRATION-2")
async def test_a_mock_without_a_status_may_fail(start_gateway: StartGateway) -> None:
    mock = custom("MOCK", responses={"/200/": "fine", "500": "broken"})
    gateway = await start_gateway(route_to(mock), assume={"mock-without-status": "500"})

    assert await ask(gateway, "no JSON") == "broken"


@pytest.mark.clause("INTEGRATION-3")
async def test_a_mock_answers_without_a_body(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(custom("MOCK", responses={"$default": "[$input.body]"})))

    assert await ask(gateway, '{"a":1}') == "[]"


@pytest.mark.clause("INTEGRATION-4")
async def test_a_function_gets_what_the_template_writes(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(custom("AWS", EVENT_TEMPLATE, function="join")))

    await ask(gateway, '{"text":"hello"}')

    assert gateway.functions.events("join") == [{"said": "hello"}]


@pytest.mark.clause("INTEGRATION-5")
async def test_what_a_function_returns_is_the_answer(start_gateway: StartGateway) -> None:
    returned = {"statusCode": 500, "body": "text"}
    gateway = await start_gateway(
        route_to(custom("AWS", function="join")),
        functions=RecordingFunctions(join=lambda _: returned),
    )

    assert await ask_json(gateway) == returned


@pytest.mark.clause("INTEGRATION-6")
async def test_a_functions_error_message_selects_the_response(start_gateway: StartGateway) -> None:
    responses = {"/bad .*/": "no: $input.path('$.errorType')", "$default": "yes"}
    gateway = await start_gateway(
        route_to(custom("AWS", EVENT_TEMPLATE, function="join", responses=responses)),
        functions=RecordingFunctions(join=failing),
    )

    assert await ask(gateway, '{"text":"bad thing"}') == "no: ValueError"


@pytest.mark.clause("INTEGRATION-6")
async def test_a_function_that_returns_selects_the_default(start_gateway: StartGateway) -> None:
    responses = {"/.+/": "error", "$default": "$input.body"}
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", responses=responses)),
        functions=RecordingFunctions(join=lambda _: Raw(b"7")),
    )

    assert await ask(gateway, "{}") == "7"


@pytest.mark.clause("INTEGRATION-7")
async def test_a_function_takes_only_json(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(custom("AWS", "<a/>", function="join")))

    assert await error(gateway) == "Internal server error"
    assert gateway.functions.events("join") == []


@pytest.mark.clause("INTEGRATION-7")
async def test_an_empty_request_of_a_function_is_an_empty_object(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(route_to(custom("AWS", "#set($a = 1)", function="join")))

    await ask(gateway, "{}")

    assert gateway.functions.events("join") == [{}]


@pytest.mark.clause("INTEGRATION-8")
async def test_an_http_back_end_gets_what_the_template_writes(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    integration = custom("HTTP", EVENT_TEMPLATE, uri=hook(server, "a/b?c=d"), method="PATCH")
    gateway = await start_gateway(route_to(integration))
    server.script("b?c=d", answer(body=b"done"))

    assert await ask(gateway, '{"text":"hello"}') == "done"
    (request,) = server.requests
    assert (request.method, request.path) == ("PATCH", "/a/b?c=d")
    assert request.body == b'{"said":"hello"}'


@pytest.mark.clause("INTEGRATION-9")
async def test_a_status_selects_the_response(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    responses = {"/2\\d\\d/": "fine", "/4\\d\\d/": "refused: $input.body", "$default": "other"}
    gateway = await start_gateway(route_to(custom("HTTP", uri=hook(server), responses=responses)))
    server.script("hook", answer(403, body=b"why"))

    assert await ask(gateway, "{}") == "refused: why"


@pytest.mark.clause("INTEGRATION-10")
async def test_a_proxied_back_end_gets_the_message_and_is_the_reply(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    integration = custom("HTTP_PROXY", "unused", responses={"$default": "unused"}, uri=hook(server))
    gateway = await start_gateway(route_to(integration))
    server.script("hook", answer(500, body="ä".encode()))

    assert await ask(gateway, "{ as: it stands }") == "ä"
    assert [request.body for request in server.requests] == [b"{ as: it stands }"]


@pytest.mark.clause("INTEGRATION-11")
async def test_a_back_end_is_told_who_calls(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server))))
    server.script("hook", answer(body=b"done"))

    await ask(gateway, "{}")

    headers = server.requests[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"AmazonAPIGateway_{API_ID}"
    assert headers["x-amzn-apigateway-api-id"] == API_ID
    assert headers["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.clause("INTEGRATION-11")
async def test_a_mapped_header_replaces_what_is_added(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    parameters = {"integration.request.header.content-type": "'text/plain'"}
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), parameters=parameters))
    )
    server.script("hook", answer(body=b"done"))

    await ask(gateway, "{}")

    assert server.requests[0].headers["content-type"] == "text/plain"


@pytest.mark.clause("INTEGRATION-12")
async def test_a_back_end_gets_nothing_of_the_handshake_by_itself(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server)), "$connect"))

    await accepted(gateway, "?token=secret", additional_headers={"X-Mine": "secret"})

    (request,) = server.requests
    assert (request.path, request.body) == ("/hook", b"")
    assert "secret" not in request.headers.values()


@pytest.mark.clause("INTEGRATION-13")
@pytest.mark.parametrize("status", [301, 401, 503])
async def test_a_back_end_refuses_a_handshake(
    start_gateway: StartGateway, server: ScriptedServer, status: int
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server)), "$connect"))
    server.script("hook", answer(status, body=b"unheard"))

    response = await refusal(gateway)

    assert (response.status, response.body) == (status, b"")


@pytest.mark.clause("INTEGRATION-13")
async def test_a_back_end_accepts_a_handshake(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server)), "$connect"))
    server.script("hook", answer(226))

    assert await accepted(gateway) is None


@pytest.mark.clause("INTEGRATION-14")
async def test_a_back_end_chooses_the_subprotocol(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server)), "$connect"))
    server.script("hook", answer(headers={"sec-websocket-protocol": "b"}))

    assert await accepted(gateway, subprotocols=["a", "b"]) == "b"


@pytest.mark.clause("INTEGRATION-15")
async def test_a_redirect_is_the_answer(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server))))
    server.script("hook", answer(302, headers={"Location": "/other"}, body=b"moved"))

    assert await ask(gateway, "{}") == "moved"
    assert [request.path for request in server.requests] == ["/hook"]


@pytest.mark.clause("INTEGRATION-16")
async def test_a_back_end_that_does_not_listen_is_a_network_error(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP", uri=hook(server))))
    server.stop_listening()

    assert await error(gateway) == "Network error communicating with endpoint"


@pytest.mark.clause("INTEGRATION-16")
async def test_a_back_end_that_cuts_the_connection_is_a_network_error(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server))))
    server.script("hook", Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], closes=True))

    assert await error(gateway) == "Network error communicating with endpoint"


@pytest.mark.clause("INTEGRATION-16")
async def test_a_handshake_whose_back_end_does_not_listen_is_504(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server)), "$connect"))
    server.stop_listening()

    response = await refusal(gateway)

    assert response.status == 504
    assert response.body == b'{"message":"Network error communicating with endpoint"}'


@pytest.mark.clause("INTEGRATION-17")
async def test_a_back_end_that_is_late_has_timed_out(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), timeout_ms=50)),
        route_to(custom("HTTP_PROXY", uri=hook(server), timeout_ms=50), "$connect"),
    )
    server.script("hook", answer(), Reply(after=asyncio.Event()), Reply(after=asyncio.Event()))

    assert await error(gateway) == "Endpoint request timed out"
    response = await refusal(gateway)
    assert response.status == 504
    assert response.body == b'{"message":"Endpoint request timed out"}'


@pytest.mark.clause("INTEGRATION-18")
@pytest.mark.parametrize("timeout", ["49", "29001"])
def test_a_timeout_out_of_bounds_is_refused(load_template: LoadTemplate, timeout: str) -> None:
    with pytest.raises(TemplateError, match=f"TimeoutInMillis: is '{timeout}'"):
        load_template(template(f"IntegrationType: MOCK, TimeoutInMillis: {timeout}"))


@pytest.mark.clause("INTEGRATION-19")
async def test_a_two_way_route_sends_what_the_response_writes(start_gateway: StartGateway) -> None:
    responses = {"$default": '{"got":$input.json("$.value")}'}
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", responses=responses)),
        functions=RecordingFunctions(join=lambda _: {"value": [1, 2]}),
    )

    assert await ask(gateway, "{}") == '{"got":[1,2]}'


@pytest.mark.clause("INTEGRATION-20")
async def test_a_one_way_route_sends_nothing(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(custom("MOCK", responses={"$default": "unheard"}), two_way=False),
        route_to(custom("MOCK", responses={"$default": "marker"}), "mark"),
    )

    async with gateway.connect() as client:
        await client.send("{}")
        await client.send('{"action":"mark"}')
        assert await client.recv() == "marker"


@pytest.mark.clause("INTEGRATION-20")
async def test_a_one_way_route_needs_no_integration_response(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", responses={}), two_way=False),
        route_to(custom("MOCK", responses={"$default": "marker"}), "mark"),
    )

    async with gateway.connect() as client:
        await client.send("{}")
        await gateway.functions.next_event("join")
        await client.send('{"action":"mark"}')
        assert await client.recv() == "marker"

    assert gateway.lines == []


@pytest.mark.clause("INTEGRATION-21")
async def test_a_regular_expression_takes_only_a_moment(start_gateway: StartGateway) -> None:
    responses = {"/((a|aa)+)+\\2c/": "matched", "$default": "neither"}
    gateway = await start_gateway(
        route_to(custom("AWS", EVENT_TEMPLATE, function="join", responses=responses)),
        functions=RecordingFunctions(join=failing),
    )

    assert await error(gateway, orjson.dumps({"text": "a" * 60}).decode()) == (
        "Internal server error"
    )
    assert any("takes more than 0.1 s" in line for line in gateway.lines)


@pytest.mark.clause("INTEGRATION-21")
async def test_a_regular_expression_matches_the_whole(start_gateway: StartGateway) -> None:
    responses = {"/thing/": "a part", "/bad t.*/": "the whole", "$default": "neither"}
    gateway = await start_gateway(
        route_to(custom("AWS", EVENT_TEMPLATE, function="join", responses=responses)),
        functions=RecordingFunctions(join=failing),
    )

    assert await ask(gateway, '{"text":"bad thing"}') == "the whole"


@pytest.mark.clause("INTEGRATION-22")
async def test_the_default_is_for_what_no_key_is_for(start_gateway: StartGateway) -> None:
    responses = {"$default": "default", "/404/": "not found"}
    gateway = await start_gateway(route_to(custom("MOCK", STATUS_TEMPLATE, responses=responses)))

    assert await ask(gateway, '{"status":500}') == "default"
    assert await ask(gateway, '{"status":404}') == "not found"


@pytest.mark.clause("INTEGRATION-23")
async def test_a_key_may_be_the_text_itself(start_gateway: StartGateway) -> None:
    responses = {"2.0": "a regular expression", "200": "the text"}
    gateway = await start_gateway(route_to(custom("MOCK", STATUS_TEMPLATE, responses=responses)))

    assert await ask(gateway, '{"status":200}') == "the text"


@pytest.mark.clause("INTEGRATION-24")
async def test_an_answer_without_a_response_is_an_error(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(custom("MOCK", STATUS_TEMPLATE, responses={"/2../": "fine"})),
        route_to(custom("MOCK", responses={}), "$connect"),
    )
    response = await refusal(gateway)

    assert response.status == 500
    assert response.body == b'{"message":"Internal server error"}'


@pytest.mark.clause("INTEGRATION-24")
async def test_a_message_whose_answer_has_no_response_gets_an_error(
    start_gateway: StartGateway,
) -> None:
    mock = custom("MOCK", STATUS_TEMPLATE, responses={"/2../": "fine"})
    gateway = await start_gateway(route_to(mock))

    assert await error(gateway, '{"status":404}') == "Internal server error"


@pytest.mark.clause("INTEGRATION-24")
async def test_a_handshake_without_a_response_is_refused_all_the_same(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(
        route_to(custom("MOCK", responses={}), "$connect"),
        assume={"unmatched-response": "nothing"},
    )
    response = await refusal(gateway)

    assert response.status == 500


@pytest.mark.clause("INTEGRATION-24")
async def test_a_message_without_a_response_may_be_unanswered(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(custom("MOCK", responses={})),
        route_to(custom("MOCK", responses={"$default": "marker"}), "mark"),
        assume={"unmatched-response": "nothing"},
    )

    async with gateway.connect() as client:
        await client.send("{}")
        await client.send('{"action":"mark"}')
        assert await client.recv() == "marker"


@pytest.mark.clause("INTEGRATION-25")
async def test_a_response_accepts_a_handshake_whatever_the_status(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP", uri=hook(server)), "$connect"))
    server.script("hook", answer(403, body=b"no"))

    assert await accepted(gateway) is None


@pytest.mark.clause("INTEGRATION-26")
async def test_a_response_refuses_a_handshake_by_a_status(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    responses = {"/4../": '{"statusCode": 401}', "$default": None}
    gateway = await start_gateway(
        route_to(custom("HTTP", uri=hook(server), responses=responses), "$connect")
    )
    server.script("hook", answer(403))

    assert (await refusal(gateway)).status == 401


@pytest.mark.clause("INTEGRATION-26")
async def test_what_a_response_writes_may_be_text_alone(start_gateway: StartGateway) -> None:
    mock = custom("MOCK", responses={"$default": '{"statusCode": 401}'})
    gateway = await start_gateway(
        route_to(mock, "$connect"), assume={"connect-status-code": "text"}
    )

    assert await accepted(gateway) is None


@pytest.mark.clause("INTEGRATION-27")
async def test_a_message_without_a_template_passes_through(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", templates={"other": "{}"}))
    )

    await ask(gateway, '{"as":"it stands"}')

    assert gateway.functions.events("join") == [{"as": "it stands"}]


@pytest.mark.clause("INTEGRATION-28")
async def test_without_templates_a_message_passes_through(start_gateway: StartGateway) -> None:
    some = custom("AWS", function="join", templates={"a": "{}"}, passthrough="WHEN_NO_TEMPLATES")
    none = custom("AWS", function="join", passthrough="WHEN_NO_TEMPLATES")
    gateway = await start_gateway(route_to(some), route_to(none, "none"))

    assert await error(gateway) == "Unsupported Media Type"
    assert await ask_json(gateway, action="none") == {"statusCode": 200}
    assert gateway.functions.events("join") == [{"action": "none"}]


@pytest.mark.clause("INTEGRATION-29")
async def test_nothing_ever_passes_through(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", passthrough="NEVER")),
        route_to(custom("AWS", '{"t":1}', function="join", passthrough="NEVER"), "some"),
    )

    assert await error(gateway) == "Unsupported Media Type"
    assert await ask_json(gateway, action="some") == {"statusCode": 200}
    assert gateway.functions.events("join") == [{"t": 1}]


@pytest.mark.clause("INTEGRATION-30")
async def test_a_handshake_that_does_not_pass_through_is_415(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(custom("MOCK", passthrough="NEVER"), "$connect"))

    response = await refusal(gateway)

    assert response.status == 415
    assert response.body == b'{"message":"Unsupported Media Type"}'


@pytest.mark.clause("INTEGRATION-31")
@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
async def test_base64_becomes_bytes(
    start_gateway: StartGateway, server: ScriptedServer, kind: CustomKind
) -> None:
    gateway = await start_gateway(route_to(custom(kind, uri=hook(server), is_binary=True)))
    server.script("hook", answer(body=b"done"))

    assert await ask(gateway, base64.b64encode(b"\x00\xff").decode()) == "done"
    assert server.requests[0].body == b"\x00\xff"


@pytest.mark.clause("INTEGRATION-31")
async def test_what_is_no_base64_is_an_error(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP", uri=hook(server), is_binary=True)))

    assert await error(gateway, "!") == "Internal server error"
    assert server.requests == []


@pytest.mark.clause("INTEGRATION-32")
async def test_bytes_become_base64(start_gateway: StartGateway, server: ScriptedServer) -> None:
    integration = replace(
        custom("HTTP", uri=hook(server)),
        responses=(IntegrationResponse(key="$default", is_binary=True),),
    )
    gateway = await start_gateway(route_to(integration))
    server.script("hook", answer(body=b"\x00\xff"))

    assert await ask(gateway, "{}") == base64.b64encode(b"\x00\xff").decode()


@pytest.mark.clause("INTEGRATION-32")
@pytest.mark.parametrize(
    ("integration", "strategy"),
    [
        ("IntegrationType: MOCK", "CONVERT_TO_TEXT"),
        ("IntegrationType: HTTP, IntegrationUri: 'http://a.example'", "CONVERT_TO_BINARY"),
    ],
)
def test_other_conversions_of_an_answer_are_refused(
    load_template: LoadTemplate, integration: str, strategy: str
) -> None:
    with pytest.raises(TemplateError, match=f"ContentHandlingStrategy: is {strategy}"):
        load_template(template(integration, f"ContentHandlingStrategy: {strategy}"))


@pytest.mark.clause("INTEGRATION-33")
async def test_a_stage_variable_is_part_of_the_uri(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    uri = "http://127.0.0.1:${stageVariables.port}/hook"
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=uri)), variables={"port": str(server.port)}
    )
    server.script("hook", answer(body=b"done"))

    assert await ask(gateway, "{}") == "done"


@pytest.mark.clause("INTEGRATION-33")
@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_a_stage_variable_names_the_function(load_template: LoadTemplate, kind: str) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:${stageVariables.function}"

    application = load_template(template(f'IntegrationType: {kind}, IntegrationUri: "{arn}"'))

    integration: Any = application.websocket_apis["Api"].routes["$default"].integration
    assert integration.function == "Function"


@pytest.mark.clause("INTEGRATION-33")
def test_a_stage_without_the_variable_is_refused(
    load_template: LoadTemplate,
) -> None:
    with pytest.raises(TemplateError, match="the stage dev has no variable 'host'"):
        load_template(
            template('IntegrationType: HTTP, IntegrationUri: "http://${stageVariables.host}"')
        )


@pytest.mark.clause("INTEGRATION-34")
def test_a_role_is_left_out(load_template: LoadTemplate) -> None:
    application = load_template(
        template("IntegrationType: MOCK, CredentialsArn: arn:aws:iam::1:role/r")
    )

    assert [each.reason for each in application.ignored] == [
        "CredentialsArn: the role isn't assumed here"
    ]


@pytest.mark.clause("INTEGRATION-35")
def test_headers_of_a_response_are_left_out(load_template: LoadTemplate) -> None:
    application = load_template(
        template(
            "IntegrationType: MOCK", "ResponseParameters: { method.response.header.x: \"'y'\" }"
        )
    )

    assert [each.reason for each in application.ignored] == [
        "ResponseParameters: a message to a client has no headers"
    ]


@pytest.mark.clause("INTEGRATION-36")
def test_a_back_end_in_a_vpc_is_refused(load_template: LoadTemplate) -> None:
    integration = "IntegrationType: HTTP, IntegrationUri: 'http://a.example'"

    with pytest.raises(TemplateError, match="ConnectionType: is VPC_LINK"):
        load_template(template(f"{integration}, ConnectionType: VPC_LINK"))


@pytest.mark.clause("INTEGRATION-37")
async def test_a_services_status_selects_the_response(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    integration = custom(
        "AWS",
        responses={"/4../": "no", "$default": "yes"},
        service=ServiceAction(service="dynamodb", action="PutItem"),
    )
    gateway = await start_gateway(
        route_to(integration), services_url=lambda: f"http://127.0.0.1:{server.port}"
    )
    server.script("", answer(400))

    assert await ask(gateway, "{}") == "no"


@pytest.mark.clause("INTEGRATION-37")
@pytest.mark.parametrize(
    "action", ["states:action/StartExecution", "dynamodb:action/PutItem", "sqs:path/1/queue"]
)
def test_another_service_is_refused(load_template: LoadTemplate, action: str) -> None:
    uri = f"arn:aws:apigateway:us-east-1:{action}"

    with pytest.raises(TemplateError, match=f"calls {action.partition(':')[0]}"):
        load_template(template(f'IntegrationType: AWS, IntegrationUri: "{uri}"'))


@pytest.mark.clause("INTEGRATION-38")
@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_a_header_of_the_call_of_a_function_is_refused(
    load_template: LoadTemplate, kind: str
) -> None:
    header = "integration.request.header.X-Amz-Invocation-Type"

    with pytest.raises(TemplateError, match="RequestParameters"):
        load_template(
            template(
                f"IntegrationType: {kind}, IntegrationUri: !GetAtt Function.Arn, "
                f"RequestParameters: {{ {header}: \"'Event'\" }}"
            )
        )


@pytest.mark.clause("INTEGRATION-39")
async def test_a_table_gets_what_the_template_writes(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    service = ServiceAction(service="dynamodb", action="PutItem")
    gateway = await start_gateway(
        route_to(custom("AWS", '{"TableName":"t"}', service=service)),
        services_url=lambda: f"http://127.0.0.1:{server.port}",
    )
    server.script("", answer(body=b"{}"))

    assert await ask(gateway, "{}") == "{}"
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert "/us-east-2/dynamodb/aws4_request" in request.headers["authorization"]
    assert request.body == b'{"TableName":"t"}'


@pytest.mark.clause("INTEGRATION-40")
async def test_a_queue_gets_the_message_of_a_form(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    form = (
        "Action=SendMessage&MessageBody=a+%26+b&DelaySeconds=5&MessageAttribute.1.Name=n"
        "&MessageAttribute.1.Value.StringValue=v&MessageAttribute.1.Value.DataType=String"
    )
    integration = custom(
        "AWS",
        form,
        service=ServiceAction(service="sqs", queue_url="https://sqs/queue"),
        parameters={"integration.request.querystring.MessageGroupId": "'group'"},
    )
    gateway = await start_gateway(
        route_to(integration), services_url=lambda: f"http://127.0.0.1:{server.port}"
    )
    server.script("", answer(body=b"{}"))

    await ask(gateway, "{}")

    (request,) = server.requests
    assert request.headers["x-amz-target"] == "AmazonSQS.SendMessage"
    assert orjson.loads(request.body) == {
        "QueueUrl": "https://sqs/queue",
        "MessageBody": "a & b",
        "MessageGroupId": "group",
        "DelaySeconds": 5,
        "MessageAttributes": {"n": {"StringValue": "v", "DataType": "String"}},
    }


@pytest.mark.clause("INTEGRATION-40")
async def test_another_action_that_a_message_chooses_is_an_error(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    service = ServiceAction(service="sqs", queue_url="https://sqs/queue")
    gateway = await start_gateway(
        route_to(custom("AWS", "Action=$input.path('$.do')", service=service)),
        services_url=lambda: f"http://127.0.0.1:{server.port}",
    )

    assert await error(gateway, '{"do":"ReceiveMessage"}') == "Internal server error"
    assert server.requests == []


@pytest.mark.clause("INTEGRATION-40")
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            'RequestTemplates: { $default: "MessageBody=a&Action=ReceiveMessage" }',
            "RequestTemplates.\\$default: calls ReceiveMessage of SQS. Supported: SendMessage",
        ),
        (
            "RequestParameters: { integration.request.querystring.Action: \"'PurgeQueue'\" }",
            "querystring.Action: is 'PurgeQueue', an action of SQS",
        ),
    ],
)
def test_another_action_of_sqs_is_refused(
    load_template: LoadTemplate, more: str, message: str
) -> None:
    queue = "  Queue: { Type: AWS::SQS::Queue, Properties: { QueueName: q } }\n"
    uri = "arn:aws:apigateway:us-east-1:sqs:path/123456789012/q"

    with pytest.raises(TemplateError, match=message):
        load_template(template(f'IntegrationType: AWS, IntegrationUri: "{uri}", {more}') + queue)


@pytest.mark.clause("INTEGRATION-41")
async def test_what_sqs_answers_has_the_shape_of_its_xml(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    service = ServiceAction(service="sqs", queue_url="https://sqs/queue")
    gateway = await start_gateway(
        route_to(custom("AWS", "Action=SendMessage&MessageBody=a", service=service)),
        services_url=lambda: f"http://127.0.0.1:{server.port}",
    )
    sent = b'{"MessageId":"m","MD5OfMessageBody":"d"}'
    refused = b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}'
    server.script(
        "", answer(headers={"x-amzn-RequestId": "r"}, body=sent), answer(400, body=refused)
    )

    assert await ask_json(gateway) == {
        "SendMessageResponse": {
            "ResponseMetadata": {"RequestId": "r"},
            "SendMessageResult": {
                "MD5OfMessageAttributes": None,
                "MD5OfMessageBody": "d",
                "MD5OfMessageSystemAttributes": None,
                "MessageId": "m",
                "SequenceNumber": None,
            },
        }
    }
    assert await ask_json(gateway) == {
        "Error": {"Code": "QueueDoesNotExist", "Message": "none", "Type": "Sender"}
    }


@pytest.mark.clause("INTEGRATION-42")
async def test_a_connection_is_kept_while_the_back_end_keeps_it(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server))))
    server.script("hook", *(answer(body=b"done") for _ in range(3)))

    await ask(gateway, "{}")
    await ask(gateway, "{}")
    server.abort_lines()
    await server.no_lines.wait()
    await ask(gateway, "{}")

    assert [request.line for request in server.requests] == [0, 0, 1]


@pytest.mark.clause("INTEGRATION-43")
async def test_a_huge_answer_is_a_network_error(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=hook(server))))
    server.script("hook", answer(body=b"x" * 10_485_761))

    assert await error(gateway) == "Network error communicating with endpoint"


@pytest.mark.clause("INTEGRATION-44")
async def test_the_address_of_an_api_of_the_template_is_here(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    host = f"{API_ID}.execute-api.us-east-2.amazonaws.com"
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=f"https://{host}/some/path?a=b")),
        gateway_url=lambda: f"http://127.0.0.1:{server.port}",
    )
    server.script("path?a=b", answer(body=b"done"))

    assert await ask(gateway, "{}") == "done"
    assert server.requests[0].path == "/some/path?a=b"
    assert server.requests[0].headers["host"] == host


@pytest.mark.clause("INTEGRATION-45")
def test_a_function_gets_text_anyway(load_template: LoadTemplate) -> None:
    proxy = "IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Function.Arn"

    application = load_template(template(f"{proxy}, ContentHandlingStrategy: CONVERT_TO_TEXT"))

    integration: Any = application.websocket_apis["Api"].routes["$default"].integration
    assert integration.function == "Function"


@pytest.mark.clause("INTEGRATION-45")
def test_a_function_cannot_get_bytes(load_template: LoadTemplate) -> None:
    proxy = "IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Function.Arn"

    with pytest.raises(TemplateError, match="ContentHandlingStrategy: is CONVERT_TO_BINARY"):
        load_template(template(f"{proxy}, ContentHandlingStrategy: CONVERT_TO_BINARY"))
