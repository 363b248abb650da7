"""What is printed at the start."""

from __future__ import annotations

from pathlib import Path

from local_gateway.api import (
    ApiKey,
    Authorizer,
    Function,
    HttpApi,
    HttpRoute,
    Ignored,
    LambdaProxy,
    Route,
    Stage,
    WebSocketApi,
)
from local_gateway.banner import write_banner
from tests.fakes.applications import an_application

HELLO = Function(
    logical_id="Hello",
    name="Hello",
    arn="arn:aws:lambda:us-east-1:123456789012:function:Hello",
    handler="app.handler",
    runtime="python3.11",
    code=Path("/src/hello"),
)
CALL = LambdaProxy(logical_id="Call", function="Hello")


def test_routes_urls_and_stand_ins_are_aligned() -> None:
    chat = WebSocketApi(
        logical_id="Chat",
        api_id="abcdefghij",
        name="chat",
        route_selection_expression="$request.body.action",
        routes={
            "$connect": Route(
                logical_id="C",
                route_key="$connect",
                integration=None,
                authorization="CUSTOM",
                authorizer=Authorizer(
                    logical_id="Who", authorizer_id="abcdef", name="who", function="Hello"
                ),
            ),
            "send": Route(logical_id="S", route_key="send", integration=CALL),
        },
        stages={"dev": Stage(name="dev")},
    )
    http = HttpApi(
        logical_id="Http",
        api_id="klmnopqrst",
        name="http",
        routes=(HttpRoute(method="GET", path="/users", integration=CALL),),
        stage=Stage(name="$default"),
    )
    application = an_application(
        functions={"Hello": HELLO},
        websocket_apis={"Chat": chat},
        http_apis={"Http": http},
        api_keys={
            name: ApiKey(
                logical_id=name,
                key_id=name,
                name=name,
                value=f"{name} value",
                is_drawn=name != "Given",
                is_enabled=name != "Off",
            )
            for name in ("Drawn", "Given", "Off")
        },
        ignored=(
            Ignored(logical_id="Role", type="AWS::IAM::Role"),
            Ignored(logical_id="FirstLog", type="AWS::Logs::LogGroup"),
            Ignored(logical_id="SecondLog", type="AWS::Logs::LogGroup"),
            Ignored(logical_id="Stream", type="AWS::Kinesis::Stream", reason="no streams"),
        ),
    )

    text = write_banner(
        application,
        host="::1",
        port=3000,
        services={"SQS": "moto"},
        debuggees={"Hello": "waits at 127.0.0.1:5678"},
    )

    assert text == (
        "Chat  $connect       -      no integration\n"
        "Chat  $connect asks  Hello  hello/ app.handler\n"
        "Chat  send           Hello  hello/ app.handler\n"
        "Http  GET /users     Hello  hello/ app.handler\n"
        "\n"
        "WebSocket  ws://[::1]:3000/dev\n"
        "Post       curl http://[::1]:3000/dev/@connections/CONNECTION_ID -d TEXT\n"
        "HTTP       curl http://[::1]:3000/\n"
        "Invoke     curl http://[::1]:3000/2015-03-31/functions/NAME/invocations -d '{}'\n"
        "Inspector  http://[::1]:3000/_gateway/\n"
        "Health     http://[::1]:3000/_gateway/health\n"
        "\n"
        "Drawn  is  Drawn value\n"
        "\n"
        "SQS  is  moto\n"
        "\n"
        "Hello  waits at 127.0.0.1:5678\n"
        "\n"
        "Not emulated: AWS::IAM::Role (1), AWS::Logs::LogGroup (2)\n"
        "  Stream: no streams\n"
    )
