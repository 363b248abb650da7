"""A debugger attaches to the process of a function, as an editor does."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import psutil
import pytest
from websockets.asyncio.client import connect

from tests.e2e.dap import debugger, inspector
from tests.e2e.gateway_process import (
    free_port,
    read_errors,
    running_gateway,
    start_process,
)
from tests.processes import has_ended

if TYPE_CHECKING:
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.13, Timeout: 1}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action, Name: A}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      TimeoutInMillis: 50
      IntegrationUri: !Sub
        arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Echo.Arn}/invocations
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $default
      RouteResponseSelectionExpression: $default
      Target: !Sub integrations/${Integration}
  Response:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref Default, RouteResponseKey: $default}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: dev, AutoDeploy: true}
"""
HANDLER = """\
import os

def handler(event, context):
    text = event["body"]
    left = context.get_remaining_time_in_millis()
    return {"statusCode": 200, "body": f"{text.upper()} {os.getpid()} {left > 3_600_000}"}
"""
LINE = 5
INLINE = (
    "--debug Echo: with --host-mode inline functions run in the emulator's own process; start that "
    "under your debugger, as the module local_gateway"
)
NODE_HANDLER = """\
exports.handler = async (event, context) => {
  const text = event.body;
  const left = context.getRemainingTimeInMillis();
  return { statusCode: 200, body: `${text.toUpperCase()} ${left > 3600000}` };
};
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(HANDLER)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    return template


async def stop_once(port: int, file: Path, client: ClientConnection, text: str) -> tuple[str, str]:
    """Attach, send a frame, and return where it stopped and the variable that holds the frame."""
    async with debugger(port) as attached:
        await attached.attach(file, LINE)
        await client.send(text)
        thread, place = await attached.stopped()
        variables = await attached.variables(thread)
        await attached.call("continue", threadId=thread)
        return place, variables["text"]


async def test_a_breakpoint_stops_the_environment_and_no_timeout_passes(template: Path) -> None:
    port, file = free_port(), template.with_name("app.py")
    arguments = ["--template", str(template), "--debug", f"Echo={port}"]
    async with (
        running_gateway(arguments) as gateway,
        connect(gateway.websocket_url) as client,
    ):
        await client.send("before")
        pid = (await client.recv()).split()[1]

        first = await stop_once(port, file, client, "hello")
        answer = await client.recv()
        second = await stop_once(port, file, client, "again")
        await client.recv()
        psutil.Process(int(pid)).kill()
        await asyncio.to_thread(has_ended, int(pid))
        await client.send("has started")
        await client.recv()
        third = await stop_once(port, file, client, "anew")
        last = str(await client.recv())

    assert answer == f"HELLO {pid} True"
    assert [first, second, third] == [
        (f"handler:{LINE}", "'hello'"),
        (f"handler:{LINE}", "'again'"),
        (f"handler:{LINE}", "'anew'"),
    ]
    assert last.startswith("ANEW ")
    assert last.split()[1] != pid


LAYERS = """\
  One:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: one}
  Two:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: two}
"""
SHOUT = """\
def shout(text):
    loud = text.upper()
    return loud
"""


def write_layers(template: Path, layers: str) -> None:
    """Let the function take a step in a layer."""
    template.write_text(TEMPLATE.replace("Timeout: 1", f"Layers: [{layers}]") + LAYERS)
    for name, module in (("one", "voice"), ("two", "other")):
        file = template.parent / name / "python" / f"{module}.py"
        file.parent.mkdir(parents=True)
        file.write_text(SHOUT)
    (template.parent / "app.py").write_text(
        "import voice\n" + HANDLER.replace("text.upper()", "voice.shout(text)")
    )


@pytest.mark.parametrize("layers", ["!Ref One", "!Ref One, !Ref Two"])
async def test_a_breakpoint_in_a_layers_source_stops_its_one_environment(
    template: Path, layers: str
) -> None:
    write_layers(template, layers)
    port, source = free_port(), template.parent / "one/python/voice.py"
    async with (
        running_gateway(["--template", str(template), "--debug", f"Echo={port}"]) as gateway,
        connect(gateway.websocket_url) as client,
    ):
        await client.send("has started")
        first = str(await client.recv())
        async with debugger(port) as attached:
            await attached.attach(source, 3)
            await client.send("one")
            await client.send("two")
            thread, place = await attached.stopped()
            loud = (await attached.variables(thread))["loud"]
            await attached.call("continue", threadId=thread)
            again, _ = await attached.stopped()
            await attached.call("continue", threadId=again)
        answers = {str(await client.recv()), str(await client.recv())}

    pid = first.split()[2]
    assert (place, loud) in {("shout:3", "'ONE'"), ("shout:3", "'TWO'")}
    assert answers == {f"ONE {pid} True", f"TWO {pid} True"}


@pytest.fixture
def node_template(template: Path) -> Path:
    text = TEMPLATE.replace("app.handler, Runtime: python3.13", "web.handler, Runtime: nodejs20.x")
    template.write_text(text)
    template.with_name("web.js").write_text(NODE_HANDLER)
    return template


async def test_the_inspector_of_node_stops_it_too(node_template: Path) -> None:
    port, file = free_port(), node_template.with_name("web.js")
    arguments = ["--template", str(node_template), "--debug", f"Echo={port}"]
    async with (
        running_gateway(arguments) as gateway,
        connect(gateway.websocket_url) as client,
    ):
        await client.send("has started")
        await client.recv()
        async with inspector(port) as attached:
            await attached.call("Debugger.enable")
            await attached.call("Debugger.setBreakpointByUrl", lineNumber=2, url=file.as_uri())
            await client.send("hello")
            paused = await attached.event("Debugger.paused")
            frame = paused["callFrames"][0]
            shown = await attached.call(
                "Debugger.evaluateOnCallFrame", callFrameId=frame["callFrameId"], expression="text"
            )
            await attached.call("Debugger.resume")
            answer = await client.recv()

    assert frame["location"]["lineNumber"] == 2
    assert shown["result"]["value"] == "hello"
    assert answer == "HELLO true"


@pytest.mark.parametrize(
    ("asked", "code", "wanted"),
    [
        (["--debug", "Ecco"], 2, "--debug Ecco: there is no such function. Supported: Echo."),
        (
            ["--debug", "Echo=x"],
            2,
            "--debug takes FUNCTION or FUNCTION=PORT, found 'Echo=x'.",
        ),
        (["--debug", "Echo=0", "--host-mode", "inline"], 1, INLINE),
    ],
)
async def test_what_cannot_be_debugged_is_said(
    template: Path, asked: list[str], code: int, wanted: str
) -> None:
    process = await start_process(["--template", str(template), "--port", "0", *asked])
    errors = await read_errors(process)

    assert await process.wait() == code
    assert errors.endswith(f"{wanted}\n")


async def test_a_port_that_is_taken_is_said(template: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = await start_process(["--template", str(template), "--debug", f"Echo={port}"])
        errors = await read_errors(process)

    assert await process.wait() == 1
    assert errors == (
        f"local-gateway: --debug Echo: port {port} on 127.0.0.1 is not to be had "
        "(Address already in use); choose another one with --debug Echo=PORT\n"
    )
