"""What a changed template or function leaves as it was: connections, and what is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_gateway.testing import BlockingGateway, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.13, CodeUri: code}
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      StageName: dev
      RouteSettings:
        scarce: {ThrottlingBurstLimit: 1, ThrottlingRateLimit: 1}
      Routes:
        scarce: {FunctionArn: !GetAtt Answer.Arn}
        ask: {FunctionArn: !GetAtt Answer.Arn}
        post: {FunctionArn: !GetAtt Post.Arn}
  AskResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref ChatAskRoute, RouteResponseKey: $default}
  ScarceResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref ChatScarceRoute, RouteResponseKey: $default}
  Answer:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.answer
      Environment: {Variables: {WHO: somebody}}
  Post:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.post
      Policies:
        - Statement:
            - Effect: Allow
              Action: execute-api:ManageConnections
              Resource: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Chat}/dev/*
"""
CHANGED = TEMPLATE.replace("somebody", "anybody")
LATE = """\
  Late:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Chat
      RouteKey: late
      Target: !Sub integrations/${ChatAskIntegration}
  LateResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Chat, RouteId: !Ref Late, RouteResponseKey: $default}
  LatePermission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Answer
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Chat}/dev/late
"""
CODE = """\
import os
import boto3

TEXT = "old"

def answer(event, context):
    return {"statusCode": 200, "body": f"{TEXT} {os.environ['WHO']}"}

def post(event, context):
    me = event["requestContext"]
    url = f"https://{me['domainName']}/{me['stage']}"
    client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
    client.post_to_connection(ConnectionId=me["connectionId"], Data=b"posted")
    return {"statusCode": 200}
"""


class Project:
    """A template and its code, served under strict authorization, and one client."""

    def __init__(self, folder: Path, gateway: BlockingGateway) -> None:
        self.folder = folder
        self.gateway = gateway
        self.client = gateway.connect()

    def ask(self, action: str) -> str:
        self.client.send({"action": action})
        answer = self.client.receive()
        return answer if isinstance(answer, str) else answer["message"]

    def change(self, name: str, text: str, becomes: str, *, action: str = "ask") -> None:
        """Change a file, and ask until the answer shows that it was taken up."""
        (self.folder / name).write_text(text)
        while self.ask(action) != becomes:
            pass


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").write_text(CODE)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    with serve(template, is_watching=True, strict_auth=True) as gateway:
        yield Project(tmp_path, gateway)


def test_what_was_taken_from_a_throttle_stays_taken(project: Project) -> None:
    first = [project.ask("scarce"), project.ask("scarce")]
    project.change("template.yaml", CHANGED, "old anybody")
    after = project.ask("scarce")
    project.gateway.advance(seconds=1)
    later = project.ask("scarce")

    assert first == ["old somebody", "Too Many Requests"]
    assert (after, later) == ("Too Many Requests", "old anybody")


def test_the_clock_faults_and_credentials_go_on(project: Project) -> None:
    idle = project.gateway.connect()
    project.gateway.advance(minutes=5)
    project.gateway.fault(cold_start=1)
    before = project.ask("post")
    project.change("template.yaml", CHANGED, "old anybody")
    project.change("code/app.py", CODE.replace("old", "newer"), "newer anybody")
    after = project.ask("post")
    project.gateway.advance(minutes=5)

    assert (before, after) == ("posted", "posted")
    assert {each.is_cold for each in project.gateway.invocations("Answer")} == {True}
    assert idle.expect_close() == (1001, "Going away")


def test_a_route_that_is_new_has_the_faults_that_are_on(project: Project) -> None:
    project.gateway.fault(function_error=1)
    project.change("template.yaml", TEMPLATE + LATE, "Internal server error", action="late")
    project.gateway.fault(function_error=0)

    assert project.ask("late") == "old somebody"
