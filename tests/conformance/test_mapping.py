"""Mapping templates, template selection and request parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.api import IntegrationResponse
from local_gateway.errors import TemplateError
from tests.fakes.functions import RecordingFunctions
from tests.fakes.gateway import API_ID, HOST
from tests.fakes.http_server import ScriptedServer, answer
from tests.fakes.integrations import accepted, ask, ask_json, custom, error, refusal, route_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from local_gateway.api import Application
    from tests.fakes.gateway import Gateway

    LoadTemplate = Callable[[str], Application]
    StartGateway = Callable[..., Awaitable[Gateway]]


RESOURCES = """
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ ApiId: !Ref Api, StageName: dev, AutoDeploy: true }}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ ApiId: !Ref Api, IntegrationType: MOCK{} }}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${{Integration}}" }}
"""  # noqa: E501 — as a template's author writes it


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as started:
        yield started


async def write(
    start_gateway: StartGateway, template: str, text: str = "{}", **options: object
) -> str:
    """Return what a response template writes of a message."""
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", responses={"$default": template})),
        functions=RecordingFunctions(join=lambda event: event),
        **options,
    )
    return await ask(gateway, text)


def mock(**properties: object) -> str:
    """Write a template with a mock integration of these properties."""
    shown = "".join(
        f", {name}: {orjson.dumps(value).decode()}" for name, value in properties.items()
    )
    return RESOURCES.format(shown)


def hook(server: ScriptedServer, path: str = "hook") -> str:
    return f"http://127.0.0.1:{server.port}/{path}"


@pytest.mark.clause("MAPPING-1")
async def test_the_context_is_that_of_the_event(start_gateway: StartGateway) -> None:
    names = (
        *("connectionId", "connectedAt", "domainName", "eventType", "messageId", "routeKey"),
        *("requestId", "extendedRequestId", "apiId", "requestTime", "requestTimeEpoch", "stage"),
    )
    pairs = ",".join(f'"{name}":"$context.{name}"' for name in names)
    template = f'{{{pairs},"sourceIp":"$context.identity.sourceIp"}}'
    gateway = await start_gateway(route_to(custom("MOCK", responses={"$default": template}), "say"))

    async with gateway.connect() as client:
        await client.send('{"action":"say"}')
        context = orjson.loads(await client.recv())

    assert list(context) == [*names, "sourceIp"]
    assert (context["eventType"], context["routeKey"]) == ("MESSAGE", "say")
    assert (context["domainName"], context["apiId"], context["stage"]) == (HOST, API_ID, "dev")
    assert context["requestId"] == context["extendedRequestId"]
    assert context["sourceIp"] == "127.0.0.1"
    assert len(context["messageId"]) == len(context["connectionId"]) == 16


@pytest.mark.clause("MAPPING-2")
async def test_the_body_is_the_message_as_it_stands(start_gateway: StartGateway) -> None:
    template = '{"body":"$util.base64Encode($input.body)"}'
    gateway = await start_gateway(route_to(custom("AWS", template, function="join")))

    await ask(gateway, "{\r\n not: json")

    assert gateway.functions.events("join") == [{"body": "ew0KIG5vdDoganNvbg=="}]


@pytest.mark.clause("MAPPING-3")
async def test_a_path_selects_json_or_a_value(start_gateway: StartGateway) -> None:
    template = (
        '{"json":$input.json("$.a.b"),"size":$input.path("$.a").b.size(),'
        '"x":"$input.path(\'$.a.b[1].x\')"}'
    )
    gateway = await start_gateway(route_to(custom("AWS", template, function="join")))

    await ask(gateway, '{"a":{"b":[1,{"x":"y"}]}}')

    assert gateway.functions.events("join") == [{"json": [1, {"x": "y"}], "size": 2, "x": "y"}]


@pytest.mark.clause("MAPPING-4")
async def test_a_path_that_leads_nowhere_is_empty(start_gateway: StartGateway) -> None:
    template = '$input.json("$.x") <$input.path("$.x")>#if($input.path("$.x"))there#end'

    assert await write(start_gateway, template) == '"" <>'


@pytest.mark.clause("MAPPING-5")
async def test_a_path_is_names_indexes_and_quoted_keys(
    start_gateway: StartGateway,
) -> None:
    assert (
        await write(start_gateway, "$input.json(\"$['a b'][0].c-d\")", '{"a b":[{"c-d":1}]}') == "1"
    )


@pytest.mark.clause("MAPPING-5")
@pytest.mark.parametrize("path", [".a[*]", "..a", ".a[?(@.b)]", ".a[0:1]"])
def test_other_paths_are_refused(load_template: LoadTemplate, path: str) -> None:
    parameters = {"integration.request.header.x": f"route.request.body{path}"}

    with pytest.raises(TemplateError, match=r"path that isn't understood|no data"):
        load_template(mock(RequestParameters=parameters))
    with pytest.raises(TemplateError, match="path that isn't understood"):
        load_template(mock(TemplateSelectionExpression=f"${{request.body{path}}}"))


@pytest.mark.clause("MAPPING-6")
async def test_a_handshake_has_parameters(start_gateway: StartGateway) -> None:
    template = (
        '{"token":"$input.params(\'token\')","kind":"$input.params(\'X-Kind\')",'
        '"maps":"$input.params().keySet()","query":"$input.params().querystring.token"}'
    )
    gateway = await start_gateway(route_to(custom("AWS", template, function="join"), "$connect"))

    await accepted(gateway, "?token=t", additional_headers={"X-Kind": "k"})

    assert gateway.functions.events("join") == [
        {"token": "t", "kind": "k", "maps": "[path, querystring, header]", "query": "t"}
    ]


@pytest.mark.clause("MAPPING-7")
async def test_a_value_is_written_as_java_does(start_gateway: StartGateway) -> None:
    template = "$input.path('$') $input.params()"

    written = await write(start_gateway, template, '{"a":[1,true,null],"b":{"c":1.5}}')

    assert written == ("{a=[1, true, null], b={c=1.5}} {path={}, querystring={}, header={}}")


@pytest.mark.clause("MAPPING-8")
async def test_a_stage_variable_is_there_in_three_ways(
    start_gateway: StartGateway,
) -> None:
    template = "$stageVariables.t $stageVariables['t'] ${stageVariables['t']}"

    assert await write(start_gateway, template, variables={"t": "chat"}) == "chat chat chat"


@pytest.mark.clause("MAPPING-9")
@pytest.mark.parametrize(
    ("call", "written"),
    [
        ("escapeJavaScript($input.path('$.t'))", "it\\'s \\\"\\n"),
        ("parseJson($input.path('$.j')).k", "v"),
        ("urlEncode('a b&é')", "a+b%26%C3%A9"),
        ("urlDecode('a+b%26')", "a b&"),
        ("base64Encode('é')", "w6k="),
        ("base64Decode('w6k=')", "é"),
    ],
)
async def test_the_tools_are_there(start_gateway: StartGateway, call: str, written: str) -> None:
    text = orjson.dumps({"t": "it's \"\n", "j": '{"k":"v"}'}).decode()

    assert await write(start_gateway, f"$util.{call}", text) == written


@pytest.mark.clause("MAPPING-10")
async def test_a_template_is_written_in_velocity(start_gateway: StartGateway) -> None:
    template = (
        "#set($root = $input.path('$'))#foreach($i in $root.items)$foreach.count:"
        "#if($i.name && $i.name.startsWith('a'))$i.name.toUpperCase()#{else}$!i.absent-$i.absent"
        "#end#if($foreach.hasNext),#end#end"
    )

    written = await write(start_gateway, template, '{"items":[{"name":"ann"},{"name":"bob"},{}]}')

    assert written == "1:ANN,2:-$i.absent,3:-$i.absent"


@pytest.mark.clause("MAPPING-11")
async def test_a_loop_has_a_limit(start_gateway: StartGateway) -> None:
    template = "#foreach($i in $input.path('$.items'))x#end"

    assert (
        await write(start_gateway, template, orjson.dumps({"items": [0] * 1000}).decode())
        == "x" * 1000
    )
    failed = orjson.loads(
        await write(start_gateway, template, orjson.dumps({"items": [0] * 1001}).decode())
    )
    assert failed["message"] == "Internal server error"


@pytest.mark.clause("MAPPING-11")
def test_a_long_template_is_refused(load_template: LoadTemplate) -> None:
    with pytest.raises(TemplateError, match="is longer than 300000 bytes"):
        load_template(mock(RequestTemplates={"$default": "x" * 300_001}))


@pytest.mark.clause("MAPPING-12")
@pytest.mark.parametrize("template", ["$input.json('$')", "$input.body.substring(9)"])
async def test_a_template_that_fails_is_an_error(
    start_gateway: StartGateway, template: str
) -> None:
    gateway = await start_gateway(route_to(custom("MOCK", template)))

    assert await error(gateway, "text") == "Internal server error"
    assert any("template" in line for line in gateway.lines)


@pytest.mark.clause("MAPPING-12")
async def test_a_handshake_whose_template_fails_is_500(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(route_to(custom("MOCK", "$util.parseJson('{')"), "$connect"))

    assert (await refusal(gateway)).status == 500


@pytest.mark.clause("MAPPING-13")
@pytest.mark.parametrize(
    "text",
    [
        "$context.connectionId",
        "#set($x = 1)$x",
        "#include('/etc/passwd')",
        "#evaluate('$context.stage')",
        "$input.body.__class__",
    ],
)
async def test_what_a_client_sends_is_not_evaluated(start_gateway: StartGateway, text: str) -> None:
    message = orjson.dumps({"text": text}).decode()

    assert await write(start_gateway, "#set($t = $input.path('$.text'))$t", message) == text


@pytest.mark.clause("MAPPING-13")
@pytest.mark.parametrize(
    "reference",
    [
        "$input.__class__",
        "$input.body.__class__.__mro__",
        "$input.json.__globals__",
        "$util.getClass().forName('java.lang.Runtime')",
        "$context.identity.__init__",
        "$input.path('$').__class__.__base__.__subclasses__()",
        "$input.body.format($context)",
    ],
)
async def test_a_template_reaches_nothing_but_its_variables(
    start_gateway: StartGateway, reference: str
) -> None:
    assert await write(start_gateway, reference) == reference


@pytest.mark.clause("MAPPING-14")
@pytest.mark.parametrize("directive", ["include", "parse", "evaluate"])
def test_a_directive_that_reads_or_runs_is_refused(
    load_template: LoadTemplate, directive: str
) -> None:
    text = f"#if($x)#{directive}('/etc/passwd')#end"

    with pytest.raises(TemplateError, match=f"uses #{directive}, which isn't supported"):
        load_template(mock(RequestTemplates={"$default": text}))


@pytest.mark.clause("MAPPING-15")
async def test_a_message_selects_its_template(start_gateway: StartGateway) -> None:
    templates = {"text-5": '{"was":"selected"}', "$default": '{"was":"default"}'}
    selection = "${request.body.kind}-${request.body.n}"
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", templates=templates, template_selection=selection)),
        functions=RecordingFunctions(join=lambda event: event),
    )

    assert await ask_json(gateway, kind="text", n=5) == {"was": "selected"}
    assert await ask_json(gateway, kind="text") == {"kind": "text"}


@pytest.mark.clause("MAPPING-15")
def test_another_template_selection_is_refused(load_template: LoadTemplate) -> None:
    with pytest.raises(TemplateError, match="asks for something else"):
        load_template(mock(TemplateSelectionExpression="${request.header.kind}"))


@pytest.mark.clause("MAPPING-16")
async def test_without_an_expression_the_default_is_selected(start_gateway: StartGateway) -> None:
    templates = {"application/json": '{"was":"json"}', "$default": '{"was":"default"}'}
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", templates=templates)),
        functions=RecordingFunctions(join=lambda event: event),
    )

    assert await ask_json(gateway) == {"was": "default"}


@pytest.mark.clause("MAPPING-17")
@pytest.mark.parametrize(
    ("selection", "key"),
    [
        ("${integration.response.statuscode}", "404"),
        ("${integration.response.header.X-Kind}", "b"),
        ("${integration.response.multivalueheader.X-Kind}", "[a, b]"),
        ("${request.body.kind}", "c"),
    ],
)
async def test_an_answer_selects_its_template(
    start_gateway: StartGateway, server: ScriptedServer, selection: str, key: str
) -> None:
    response = IntegrationResponse(
        key="$default", template_selection=selection, templates={key: "selected"}
    )
    gateway = await start_gateway(
        route_to(replace(custom("HTTP", uri=hook(server)), responses=(response,)))
    )
    server.script("hook", answer(404, headers={"X-Kind": "a\r\nX-Kind: b"}, body=b"other"))

    assert await ask(gateway, '{"kind":"c"}') == "selected"


@pytest.mark.clause("MAPPING-18")
async def test_a_response_template_sees_the_answer_and_the_request(
    start_gateway: StartGateway,
) -> None:
    template = "$input.path('$.answer') to $context.routeKey"
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", responses={"$default": template}), "say"),
        functions=RecordingFunctions(join=lambda _: {"answer": "yes"}),
    )

    assert await ask(gateway, '{"action":"say","answer":"no"}') == "yes to say"


@pytest.mark.clause("MAPPING-19")
async def test_parameters_become_parts_of_the_request(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    parameters = {
        "integration.request.header.X-Id": "context.connectionId",
        "integration.request.querystring.q": "route.request.body.q",
        "integration.request.path.room": "route.request.body.room",
    }
    uri = hook(server, "rooms/{room}/hook?x=1")
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=uri, parameters=parameters)))
    server.script("hook?x=1&q=a+b&c", answer(body=b"done"))

    assert await ask(gateway, '{"q":"a b&c","room":"a/b é"}') == "done"
    (request,) = server.requests
    assert request.path == "/rooms/a%2Fb%20%C3%A9/hook?x=1&q=a+b%26c"
    assert len(request.headers["x-id"]) == 16


@pytest.mark.clause("MAPPING-20")
async def test_parameters_of_a_handshake_are_mapped(
    start_gateway: StartGateway, server: ScriptedServer
) -> None:
    parameters = {
        "integration.request.header.last": "route.request.querystring.token",
        "integration.request.header.kind": "route.request.header.X-Kind",
        "integration.request.querystring.all": "route.request.multivaluequerystring.token",
    }
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), parameters=parameters), "$connect")
    )

    await accepted(gateway, "?token=a&token=b", additional_headers={"x-kind": "k"})

    (request,) = server.requests
    assert (request.headers["last"], request.headers["kind"]) == ("b", "k")
    assert request.path == "/hook?all=a&all=b"


@pytest.mark.clause("MAPPING-21")
@pytest.mark.parametrize(
    ("path", "value"),
    [(".user.name", "ann"), (".user", '{"name":"ann"}'), (".on[0]", "true"), ("", None)],
)
async def test_parts_of_a_message_are_mapped(
    start_gateway: StartGateway, server: ScriptedServer, path: str, value: str | None
) -> None:
    parameters = {"integration.request.header.x": f"route.request.body{path}"}
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), parameters=parameters))
    )
    server.script("hook", answer(body=b"done"))
    text = '{"user":{"name":"ann"},"on":[true]}'

    await ask(gateway, text)

    assert server.requests[0].headers["x"] == (text if value is None else value)


@pytest.mark.clause("MAPPING-22")
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("context.routeKey", "$default"),
        ("context.identity.sourceIp", "127.0.0.1"),
        ("stageVariables.table", "chat"),
        ("'a constant'", "a constant"),
    ],
)
async def test_other_data_is_mapped(
    start_gateway: StartGateway, server: ScriptedServer, expression: str, value: str
) -> None:
    parameters = {"integration.request.header.x": expression}
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), parameters=parameters)),
        variables={"table": "chat"},
    )
    server.script("hook", answer(body=b"done"))

    await ask(gateway, "{}")

    assert server.requests[0].headers["x"] == value


@pytest.mark.clause("MAPPING-23")
@pytest.mark.parametrize(
    "expression",
    ["route.request.body.x", "route.request.querystring.x", "context.x", "stageVariables.x"],
)
async def test_what_is_not_there_is_not_mapped(
    start_gateway: StartGateway, server: ScriptedServer, expression: str
) -> None:
    parameters = {
        "integration.request.header.x": expression,
        "integration.request.querystring.x": expression,
    }
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), parameters=parameters))
    )
    server.script("hook", answer(body=b"done"))

    await ask(gateway, "text")

    assert "x" not in server.requests[0].headers
    assert server.requests[0].path == "/hook"


@pytest.mark.clause("MAPPING-24")
async def test_a_content_type_is_no_key(start_gateway: StartGateway) -> None:
    templates = {"application/json": '{"was":"json"}'}
    gateway = await start_gateway(
        route_to(custom("AWS", function="join", templates=templates)),
        functions=RecordingFunctions(join=lambda event: event),
    )

    assert await ask_json(gateway, it="is") == {"it": "is"}


@pytest.mark.clause("MAPPING-24")
async def test_a_content_type_may_be_the_key(start_gateway: StartGateway) -> None:
    templates = {"application/json": '{"was":"json"}'}
    response = IntegrationResponse(
        key="$default", templates={"application/json": '{"got":$input.json("$.was")}'}
    )
    integration = custom("AWS", function="join", templates=templates)
    gateway = await start_gateway(
        route_to(replace(integration, responses=(response,))),
        functions=RecordingFunctions(join=lambda event: event),
        assume={"template-key": "content-type"},
    )

    assert await ask_json(gateway) == {"got": "json"}


@pytest.mark.clause("MAPPING-24")
def test_a_template_that_is_never_used_is_named(load_template: LoadTemplate) -> None:
    application = load_template(mock(RequestTemplates={"application/json": "{}"}))

    (reason,) = [each.reason for each in application.ignored if each.logical_id == "Integration"]
    assert reason.startswith("RequestTemplates: none has the key $default, and without")


@pytest.mark.clause("MAPPING-25")
@pytest.mark.parametrize(
    "call",
    [
        "$input.path('$..a')",
        '$input.json("$.a[*]")',
        "#foreach($x in $input.path('$.a[1:2]'))$x#end",
        "#set($x = $input.path('$.a[?(@.b)]').size())",
    ],
)
def test_a_path_that_is_not_understood_is_refused(load_template: LoadTemplate, call: str) -> None:
    with pytest.raises(TemplateError, match="has a path that isn't understood from character"):
        load_template(mock(RequestTemplates={"$default": call}))


@pytest.mark.clause("MAPPING-25")
async def test_a_path_of_a_template_is_followed(start_gateway: StartGateway) -> None:
    text = '{"a":{"b":[{"c d":"found"}]}}'

    assert await write(start_gateway, "$input.path(\"$.a.b[0]['c d']\")", text) == "found"


@pytest.mark.clause("MAPPING-26")
@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\n", "\r", "\0"], ids=repr)
async def test_a_value_that_would_be_two_headers_is_not_sent(
    start_gateway: StartGateway, server: ScriptedServer, value: str
) -> None:
    parameters = {"integration.request.header.x": "route.request.body.x"}
    gateway = await start_gateway(
        route_to(custom("HTTP_PROXY", uri=hook(server), parameters=parameters))
    )

    said = await error(gateway, orjson.dumps({"x": value}).decode())

    assert said == "Network error communicating with endpoint"
    assert server.requests == []


@pytest.mark.clause("MAPPING-26")
@pytest.mark.parametrize("value", [".", ".."])
async def test_a_value_that_would_be_a_step_to_another_path_is_not_sent(
    start_gateway: StartGateway, server: ScriptedServer, value: str
) -> None:
    parameters = {"integration.request.path.room": "route.request.body.room"}
    uri = f"{hook(server)}/{{room}}/members"
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=uri, parameters=parameters)))

    said = await error(gateway, orjson.dumps({"room": value}).decode())

    assert said == "Network error communicating with endpoint"
    assert server.requests == []


@pytest.mark.clause("MAPPING-26")
@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("../../admin", "/hook/..%2F..%2Fadmin/members"),
        ("%2e%2e", "/hook/%252e%252e/members"),
        ("?x=1#y", "/hook/%3Fx%3D1%23y/members"),
        ("a\r\nHost: b", "/hook/a%0D%0AHost%3A%20b/members"),
    ],
)
async def test_a_value_is_one_segment_of_a_path(
    start_gateway: StartGateway, server: ScriptedServer, value: str, path: str
) -> None:
    parameters = {"integration.request.path.room": "route.request.body.room"}
    uri = f"{hook(server)}/{{room}}/members"
    gateway = await start_gateway(route_to(custom("HTTP_PROXY", uri=uri, parameters=parameters)))
    server.script("members", answer(body=b"done"))

    await ask(gateway, orjson.dumps({"room": value}).decode())

    assert [request.path for request in server.requests] == [path]
