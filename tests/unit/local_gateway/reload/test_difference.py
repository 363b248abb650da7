"""What a changed template changes, from two templates to lines and facts."""

from pathlib import Path

import pytest

from local_gateway.api import Application, Identity
from local_gateway.reload.difference import Difference, compare
from local_gateway.template import load

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: python3.13, CodeUri: ., Handler: app.handler }
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties: { Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a }
  Prod:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Chat, StageName: prod, AutoDeploy: true, StageVariables: { size: 1 } }
  Join:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Chat, RouteKey: join, Target: !Sub "integrations/${Call}" }
  Call:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { ApiId: !Ref Chat, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt One.Arn }
  One:
    Type: AWS::Serverless::Function
    Properties: { Environment: { Variables: { ROOM: hall, API_KEY: secret } } }
  Two:
    Type: AWS::Serverless::Function
  Jobs:
    Type: AWS::SQS::Queue
"""
ROUTE = """\
  Leave:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Chat, RouteKey: leave }
"""


def read(folder: Path, text: str) -> Application:
    (folder / "app.py").touch()
    file = folder / "template.yaml"
    file.write_text(text)
    return load(file, parameters={}, identity=Identity())


def change(folder: Path, old: str, new: str) -> Difference:
    assert old in TEMPLATE
    return compare(read(folder, TEMPLATE), read(folder, TEMPLATE.replace(old, new)))


def test_a_template_is_not_different_from_itself(tmp_path: Path) -> None:
    assert change(tmp_path, "Chat", "Chat") == Difference(lines=())


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("  One:", ROUTE + "  One:", ["+ Chat route leave"]),
        ("RouteKey: join", "RouteKey: enter", ["+ Chat route enter", "- Chat route join"]),
        ("One.Arn", "Two.Arn", ["~ Chat route join: One → Two"]),
        (
            "$request.body.a",
            "$request.body.b",
            ["~ Chat route selection expression: $request.body.b"],
        ),
        ("{ size: 1 }", "{ size: 2, y: 3 }", ["~ Chat stage prod: size=2, y=3"]),
        ("StageName: prod", "StageName: dev", ["+ Chat stage dev", "- Chat stage prod"]),
        ("ROOM: hall", "ROOM: attic", ["~ function One: ROOM=attic"]),
        ("ROOM: hall, ", "", ["~ function One: ROOM=(gone)"]),
        ("API_KEY: secret", "API_KEY: other", ["~ function One: API_KEY=****"]),
        (
            "python3.13,",
            "python3.13, Timeout: 9,",
            ["~ function One: timeout seconds 9", "~ function Two: timeout seconds 9"],
        ),
        (
            "Jobs:",
            "Work:",
            ["+ queue Work", "! queue Jobs is gone, and stays until a restart"],
        ),
        (
            "AWS::SQS::Queue",
            "AWS::SQS::Queue\n    Properties: { DelaySeconds: 5 }",
            ["! queue Jobs changed, which takes a restart"],
        ),
    ],
)
def test_a_change_is_said_in_the_words_of_the_template(
    old: str,
    new: str,
    lines: list[str],
    tmp_path: Path,
) -> None:
    assert list(change(tmp_path, old, new).lines) == lines


def test_functions_that_differ_are_named(tmp_path: Path) -> None:
    assert change(tmp_path, "ROOM: hall", "ROOM: attic").functions == {"One"}
