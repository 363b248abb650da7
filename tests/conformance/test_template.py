"""How a template says what there is: TEMPLATE and DEPLOY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local_gateway.api import LambdaProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.api import Application

    LoadTemplate = Callable[[str], Application]

FUNCTION = """
  Handler:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ., Handler: app.handler, Runtime: python3.13 }
"""
SAM = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $connect: {{ FunctionArn: !GetAtt Handler.Arn }}
        send: {{ FunctionArn: !GetAtt Handler.Arn, RouteResponseSelectionExpression: $default }}
{FUNCTION}"""
API = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: chat
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.action
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub
        - arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/${Function}
        - { Function: !Sub "functions/${Handler.Arn}/invocations" }
  Send:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Chat
      RouteKey: send
      Target: !Join [/, [integrations, !Ref Integration]]
"""
STAGE = """
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Chat, StageName: dev, AutoDeploy: true }
"""
RAW = API + STAGE + FUNCTION


@pytest.mark.clause("TEMPLATE-1")
def test_sam_makes_routes_integrations_and_a_stage(load_template: LoadTemplate) -> None:
    application = load_template(SAM)

    api = application.websocket_apis["Chat"]
    assert list(api.stages) == ["default"]
    assert {
        key: isinstance(route.integration, LambdaProxy) and route.integration.function
        for key, route in api.routes.items()
    } == {"$connect": "Handler", "send": "Handler"}


@pytest.mark.clause("TEMPLATE-2")
def test_sam_makes_no_route_two_way(load_template: LoadTemplate) -> None:
    application = load_template(SAM)

    assert not application.websocket_apis["Chat"].routes["send"].has_route_response


@pytest.mark.clause("TEMPLATE-2")
def test_a_route_response_beside_it_makes_a_route_two_way(load_template: LoadTemplate) -> None:
    application = load_template(
        SAM
        + """
  SendResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Chat, RouteId: !Ref ChatSendRoute, RouteResponseKey: $default }
"""
    )

    assert application.websocket_apis["Chat"].routes["send"].has_route_response


@pytest.mark.clause("TEMPLATE-4")
def test_globals_apply(load_template: LoadTemplate) -> None:
    application = load_template(
        SAM.replace(
            "Resources:",
            "Globals: { WebSocketApi: { StageVariables: { table: blue } } }\nResources:",
            1,
        )
    )

    assert application.websocket_apis["Chat"].stages["default"].variables == {"table": "blue"}


@pytest.mark.clause("TEMPLATE-5")
def test_the_same_api_may_be_written_out(load_template: LoadTemplate) -> None:
    api = load_template(RAW).websocket_apis["Chat"]

    route = api.routes["send"]
    assert isinstance(route.integration, LambdaProxy)
    assert route.integration.function == "Handler"
    assert list(api.stages) == ["dev"]


@pytest.mark.clause("TEMPLATE-6")
def test_a_template_may_have_several_apis(load_template: LoadTemplate) -> None:
    application = load_template(
        RAW + SAM.partition("Resources:")[2].replace("Chat:", "Other:").removesuffix(FUNCTION)
    )

    ids = {api.api_id for api in application.websocket_apis.values()}
    assert list(application.websocket_apis) == ["Chat", "Other"]
    assert len(ids) == 2


@pytest.mark.clause("TEMPLATE-9")
def test_an_integration_waits_29_seconds_unless_it_says_otherwise(
    load_template: LoadTemplate,
) -> None:
    default = load_template(RAW).websocket_apis["Chat"].routes["send"].integration
    least = (
        load_template(
            RAW.replace(
                "IntegrationType: AWS_PROXY",
                "IntegrationType: AWS_PROXY\n      TimeoutInMillis: 50",
            )
        )
        .websocket_apis["Chat"]
        .routes["send"]
        .integration
    )

    assert (default and default.timeout_ms, least and least.timeout_ms) == (29_000, 50)


@pytest.mark.clause("TEMPLATE-11")
def test_a_synthesised_template_is_one_like_any_other(load_template: LoadTemplate) -> None:
    target = {"Fn::Join": ["", ["integrations/", {"Ref": "Integration1A2B3C4D"}]]}
    application = load_template(
        json.dumps(
            {
                "Resources": {
                    "ChatF16DB7A2": {
                        "Type": "AWS::ApiGatewayV2::Api",
                        "Properties": {
                            "Name": "chat",
                            "ProtocolType": "WEBSOCKET",
                            "RouteSelectionExpression": "$request.body.action",
                        },
                        "Metadata": {"aws:cdk:path": "Stack/Chat/Resource"},
                    },
                    "Integration1A2B3C4D": {
                        "Type": "AWS::ApiGatewayV2::Integration",
                        "Properties": {
                            "ApiId": {"Ref": "ChatF16DB7A2"},
                            "IntegrationType": "AWS_PROXY",
                            "IntegrationUri": {"Fn::GetAtt": ["Handler886CB40B", "Arn"]},
                        },
                    },
                    "SendRoute9C8B7A65": {
                        "Type": "AWS::ApiGatewayV2::Route",
                        "Properties": {
                            "ApiId": {"Ref": "ChatF16DB7A2"},
                            "RouteKey": "send",
                            "Target": target,
                        },
                    },
                    "Stage0E8C2AF5": {
                        "Type": "AWS::ApiGatewayV2::Stage",
                        "Properties": {
                            "ApiId": {"Ref": "ChatF16DB7A2"},
                            "StageName": "dev",
                            "AutoDeploy": True,
                        },
                    },
                    "Handler886CB40B": {
                        "Type": "AWS::Lambda::Function",
                        "Properties": {
                            "Code": {"S3Bucket": "assets", "S3Key": "4f.zip"},
                            "Handler": "app.handler",
                            "Runtime": "python3.13",
                        },
                        "Metadata": {"aws:asset:path": ".", "aws:asset:property": "Code"},
                    },
                    "CDKMetadata": {"Type": "AWS::CDK::Metadata"},
                }
            }
        )
    )

    route = application.websocket_apis["ChatF16DB7A2"].routes["send"]
    assert isinstance(route.integration, LambdaProxy)
    assert route.integration.function == "Handler886CB40B"


DEPLOYED = """
  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: DEPENDS
    Properties: { ApiId: !Ref Chat }
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Chat, StageName: dev, DeploymentId: !Ref Deployment }
"""


@pytest.mark.clause("DEPLOY-1")
def test_a_stage_with_auto_deploy_serves_all_routes(load_template: LoadTemplate) -> None:
    api = load_template(RAW).websocket_apis["Chat"]

    assert api.stages["dev"].missing_routes == ()
    assert list(api.routes) == ["send"]


@pytest.mark.clause("DEPLOY-2")
@pytest.mark.parametrize(
    ("depends", "missing"), [("Send", ()), ("[Send]", ()), ("[Chat]", ("send",))]
)
def test_a_deployment_may_miss_what_it_does_not_depend_on(
    load_template: LoadTemplate, depends: str, missing: tuple[str, ...]
) -> None:
    api = load_template(API + DEPLOYED.replace("DEPENDS", depends) + FUNCTION).websocket_apis[
        "Chat"
    ]

    assert api.stages["dev"].missing_routes == missing
    assert list(api.routes) == ["send"]


@pytest.mark.clause("DEPLOY-4")
def test_each_stage_has_its_own_variables(load_template: LoadTemplate) -> None:
    api = load_template(
        RAW
        + """
  Other:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Chat
      StageName: live
      AutoDeploy: true
      StageVariables: { table: green }
"""
    ).websocket_apis["Chat"]

    assert {name: dict(stage.variables) for name, stage in api.stages.items()} == {
        "dev": {},
        "live": {"table": "green"},
    }
