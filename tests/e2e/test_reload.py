"""Changes on disk while a client is connected."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.gateway_process import ANSWER_SECONDS, GatewayProcess, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

TEMPLATE = """\
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: chat
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.action
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Chat, StageName: dev, AutoDeploy: true}
  Ask:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Chat, RouteKey: ask, Target: !Sub "integrations/${Call}"}
  AskResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref Ask, RouteResponseKey: $default}
  Call:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Chat, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Answer.Arn}
  Answer:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      Code: code
      Environment: {Variables: {WHO: somebody}}
  Other:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: other.handler, Code: code}
"""
ROUTE = """\
  Hello:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Chat, RouteKey: hello, Target: !Sub "integrations/${Call}"}
  HelloResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref Hello, RouteResponseKey: $default}
"""
SNAPSHOT = (
    TEMPLATE.replace("AutoDeploy: true", "DeploymentId: !Ref First")
    + """\
  First:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [Ask]
    Properties: {ApiId: !Ref Chat}
"""
)
APP = """\
import os
from text import TEXT
def handler(event, context):
    body = f"{TEXT} {os.environ['WHO']} {event['requestContext']['routeKey']} {os.getpid()}"
    return {"statusCode": 200, "body": body}
"""


class Project:
    """A template with its code, served and connected to."""

    def __init__(self, folder: Path, gateway: GatewayProcess, client: ClientConnection) -> None:
        self.folder = folder
        self.gateway = gateway
        self.client = client

    async def ask(self, action: str = "ask") -> str:
        await self.client.send(json.dumps({"action": action}))
        async with asyncio.timeout(ANSWER_SECONDS):
            return str(await self.client.recv())

    async def ask_until(self, is_so: Callable[[str], bool], action: str = "ask") -> str:
        """Ask until the answer is as wanted: nobody can see when a change has been heard of."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while not is_so(answer := await self.ask(action)):
                pass
        return answer

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


@asynccontextmanager
async def project(folder: Path, *options: str, template: str = TEMPLATE) -> AsyncGenerator[Project]:
    (folder / "code").mkdir()
    files: dict[str, str] = {
        "template.yaml": template,
        "code/app.py": APP,
        "code/text.py": "TEXT = 'old'",
        "code/other.py": "def handler(event, context): ...",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    arguments = ["--template", str(folder / "template.yaml"), "--watch", *options]
    async with (
        running_gateway(arguments) as gateway,
        connect(gateway.websocket_url, ping_interval=None) as client,
    ):
        yield Project(folder, gateway, client)


@pytest.mark.parametrize("mode", ["environments", "inline"])
async def test_changed_code_is_taken_up_while_the_socket_stays_open(
    tmp_path: Path, mode: str
) -> None:
    async with project(tmp_path, "--host-mode", mode) as chat:
        before = await chat.ask()
        chat.write("code/text.py", "TEXT = 'newer'")
        after = await chat.ask_until(lambda answer: answer.startswith("newer"))

    assert before.startswith("old somebody ask")
    assert after.startswith("newer somebody ask")
    assert "reload: text.py changed, taken up by the next event of Answer\n" in chat.gateway.log


async def test_code_that_does_not_parse_is_said_with_its_line_and_the_old_code_goes_on(
    tmp_path: Path,
) -> None:
    async with project(tmp_path) as chat:
        before = await chat.ask()
        chat.write("code/text.py", "TEXT = 'broken'\nTEXT =")
        chat.write("template.yaml", TEMPLATE.replace("somebody", "anybody") + ROUTE)
        # The barrier: the template is taken up after the code that came before it.
        await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")
        chat.write("code/text.py", "TEXT = 'mended'")
        after = await chat.ask_until(lambda answer: answer.startswith("mended"))

    problem = f"{tmp_path / 'code/text.py'}:2: invalid syntax"
    assert before.startswith("old")
    assert after.startswith("mended anybody ask")
    assert chat.gateway.log.count(problem) >= 1


async def test_a_changed_template_is_served_and_its_difference_is_said(tmp_path: Path) -> None:
    async with project(tmp_path) as chat:
        before = await chat.ask("hello")
        chat.write("template.yaml", TEMPLATE.replace("somebody", "anybody") + ROUTE)
        after = await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")

    assert json.loads(before)["message"] == "Forbidden"
    assert after.startswith("old anybody hello")
    lines = (
        "reload: template.yaml changed\n  + Chat route hello\n  ~ function Answer: WHO=anybody\n"
    )
    assert lines in chat.gateway.log


async def test_a_wrong_template_is_said_and_the_one_before_it_stays(tmp_path: Path) -> None:
    async with project(tmp_path) as chat:
        chat.write("template.yaml", TEMPLATE.replace("RouteKey: ask", "RouteKey: $ask"))
        async with asyncio.timeout(ANSWER_SECONDS):
            chat.write("template.yaml", TEMPLATE.replace("RouteKey: ask", "RouteKey: $ask"))
            answer = await chat.ask()
        chat.write("template.yaml", TEMPLATE + ROUTE)
        await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")

    assert answer.startswith("old somebody ask")


async def test_a_function_that_nothing_touched_keeps_its_process(tmp_path: Path) -> None:
    async with project(tmp_path) as chat:
        before = await chat.ask()
        chat.write("template.yaml", TEMPLATE + ROUTE)
        after = await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")

    assert before.split()[-1] == after.split()[-1]
