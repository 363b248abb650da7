"""Functions call AWS with its real SDKs, unmodified, and reach the emulator or nobody."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from local_gateway import redirect
from tests.e2e.gateway_process import ANSWER_SECONDS, GatewayProcess, running_gateway
from tests.fakes.gateway import application
from tests.node import require_sdks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.unit.local_gateway.lambdas.conftest import Host, StartHost, WriteFunction

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties: { Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.to }
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Chat, StageName: dev, AutoDeploy: true }
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Chat, RouteKey: $default, Target: !Sub "integrations/${Integration}" }
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub
        - arn:aws:apigateway:${AWS::Region}:${Path}/${Function.Arn}/invocations
        - { Path: lambda:path/2015-03-31/functions }
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: RUNTIME
      Timeout: 30
      Policies:
        - Statement:
            - Effect: Allow
              Action: execute-api:ManageConnections
              Resource: !Sub arn:aws:execute-api:*:${AWS::AccountId}:*/@connections/*
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties:
      { ApiId: !Ref Chat, Stage: !Ref Stage, DomainName: chat.example.com, ApiMappingKey: v1 }
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Function
      Principal: apigateway.amazonaws.com
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: items
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
"""

BOTO3 = """\
import json
import boto3

def refused(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def handler(event, context):
    here = event["requestContext"]
    addresses = json.loads(event["body"])["addresses"]
    domain = f"https://{here['domainName']}/{here['stage']}"
    for address in [domain, *addresses]:
        client = boto3.client("apigatewaymanagementapi", endpoint_url=address)
        client.post_to_connection(ConnectionId=here["connectionId"], Data=b"posted")
    client.get_connection(ConnectionId=here["connectionId"])
    tables = boto3.client("dynamodb", endpoint_url="https://dynamodb.us-east-1.amazonaws.com")
    answer = {
        "emulated": tables.list_tables()["TableNames"],
        "refused": [
            refused(lambda: boto3.client("sns").publish(TopicArn="t", Message="m")),
            refused(lambda: boto3.client("s3").get_object(Bucket="bucket", Key="key")),
        ],
    }
    client.post_to_connection(ConnectionId=here["connectionId"], Data=json.dumps(answer))
    return {"statusCode": 200}
"""

SDK_V3 = """\
const { ApiGatewayManagementApi, PostToConnectionCommand, ApiGatewayManagementApiClient } =
  require("@aws-sdk/client-apigatewaymanagementapi");
const { SNSClient, PublishCommand } = require("@aws-sdk/client-sns");

exports.handler = async (event) => {
  const { domainName, stage, connectionId: ConnectionId } = event.requestContext;
  let client;
  for (const endpoint of [`https://${domainName}/${stage}`, ...JSON.parse(event.body).addresses]) {
    client = new ApiGatewayManagementApiClient({ endpoint });
    await client.send(new PostToConnectionCommand({ ConnectionId, Data: "posted" }));
  }
  await new ApiGatewayManagementApi({ endpoint: `https://${domainName}/${stage}` })
    .getConnection({ ConnectionId });
  const refused = await new SNSClient({}).send(new PublishCommand({ TopicArn: "t", Message: "m" }))
    .catch((error) => `${error.name}: ${error.message}`);
  const Data = JSON.stringify({ refused: [refused] });
  await client.send(new PostToConnectionCommand({ ConnectionId, Data }));
  return { statusCode: 200 };
};
"""

SDK_V3_MODULE = """\
import { ApiGatewayManagementApiClient, PostToConnectionCommand }
  from "@aws-sdk/client-apigatewaymanagementapi";
import { SNSClient, PublishCommand } from "@aws-sdk/client-sns";

export const handler = async (event) => {
  const { domainName, stage, connectionId: ConnectionId } = event.requestContext;
  let client;
  for (const endpoint of [`https://${domainName}/${stage}`, ...JSON.parse(event.body).addresses]) {
    client = new ApiGatewayManagementApiClient({ endpoint });
    await client.send(new PostToConnectionCommand({ ConnectionId, Data: "posted" }));
  }
  const refused = await new SNSClient({}).send(new PublishCommand({ TopicArn: "t", Message: "m" }))
    .catch((error) => `${error.name}: ${error.message}`);
  const Data = JSON.stringify({ refused: [refused] });
  await client.send(new PostToConnectionCommand({ ConnectionId, Data }));
  return { statusCode: 200 };
};
"""

SDK_V2 = """\
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const AWS = require("aws-sdk");

exports.handler = async (event) => {
  const { domainName, stage, connectionId: ConnectionId } = event.requestContext;
  const addresses = JSON.parse(event.body).addresses.map((url) => url.replace("https://", ""));
  let client;
  for (const endpoint of [`${domainName}/${stage}`, ...addresses]) {
    client = new AWS.ApiGatewayManagementApi({ endpoint });
    await client.postToConnection({ ConnectionId, Data: "posted" }).promise();
  }
  const { TableNames: emulated } = await new AWS.DynamoDB().listTables().promise();
  const refused = await new AWS.SNS().publish({ TopicArn: "t", Message: "m" }).promise()
    .catch((error) => `${error.name}: ${error.message}`);
  const Data = JSON.stringify({ emulated, refused: [refused] });
  await client.postToConnection({ ConnectionId, Data }).promise();
  return { statusCode: 200 };
};
"""

ADDRESSES = [
    "https://zzzzzzzzzz.execute-api.eu-west-1.amazonaws.com/dev",
    "https://chat.example.com/v1",
]
END = "lets no call of an AWS SDK leave this machine."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    return tmp_path


async def answer_of(gateway: GatewayProcess) -> tuple[list[str], dict[str, list[str]]]:
    """Send one message, and return what the function posts back: texts, then a JSON object."""
    async with connect(gateway.websocket_url) as client:
        await client.send(json.dumps({"addresses": ADDRESSES}))
        async with asyncio.timeout(2 * ANSWER_SECONDS):
            posted = [str(await client.recv()) for _ in range(1 + len(ADDRESSES))]
            return posted, json.loads(await client.recv())


@asynccontextmanager
async def started(
    folder: Path, source: str, *, file: str, runtime: str, arguments: tuple[str, ...] = ()
) -> AsyncGenerator[GatewayProcess]:
    (folder / "template.yaml").write_text(TEMPLATE.replace("RUNTIME", runtime))
    (folder / "code" / file).write_text(source)
    async with running_gateway(
        ["--template", str(folder / "template.yaml"), *arguments]
    ) as gateway:
        yield gateway


@pytest.mark.clause("SDK-1")
async def test_boto3(folder: Path) -> None:
    async with started(
        folder, BOTO3, file="app.py", runtime="python3.13", arguments=("--strict-auth",)
    ) as gateway:
        posted, answer = await answer_of(gateway)

        assert posted == ["posted"] * 3
        assert answer["emulated"] == ["items"]
        assert [text.partition(":")[0] for text in answer["refused"]] == ["ServiceNotEmulated"] * 2
        assert "SNS Publish was not sent to sns.us-east-1.amazonaws.com" in answer["refused"][0]
        assert "S3 GetObject was not sent to bucket.s3.amazonaws.com" in answer["refused"][1]
        assert all(END in text for text in answer["refused"])


@pytest.mark.clause("SDK-1")
@pytest.mark.parametrize(
    ("source", "file", "emulated"),
    [
        pytest.param(SDK_V3, "app.js", None, id="v3"),
        pytest.param(SDK_V3_MODULE, "app.mjs", None, id="v3-module"),
        pytest.param(SDK_V2, "app.js", ["items"], id="v2"),
    ],
)
async def test_the_sdk_for_javascript(
    folder: Path, source: str, file: str, emulated: list[str] | None
) -> None:
    (folder / "code" / "node_modules").symlink_to(require_sdks())

    async with started(
        folder, source, file=file, runtime="nodejs20.x", arguments=("--strict-auth",)
    ) as gateway:
        posted, answer = await answer_of(gateway)

        assert posted == ["posted"] * 3
        assert answer.get("emulated") == emulated
        assert "sns Publish was not sent to sns.us-east-1.amazonaws.com" in answer["refused"][0]
        assert END in answer["refused"][0]


@pytest.mark.clause("SDK-6")
async def test_without_the_redirect_a_call_goes_where_its_client_sends_it(folder: Path) -> None:
    source = """\
import boto3
from botocore.config import Config

def handler(event, context):
    impatient = Config(connect_timeout=0.1, retries={"total_max_attempts": 1})
    try:
        boto3.client("sns", region_name="nowhere-1", config=impatient).list_topics()
    except Exception as error:
        return type(error).__name__
"""
    arguments = ("--no-sdk-redirect",)
    async with started(
        folder, source, file="app.py", runtime="python3.13", arguments=arguments
    ) as gateway:
        response = await gateway.invoke("Function", {})

        assert response.json() in {"EndpointConnectionError", "ConnectTimeoutError"}


REFUSED_CALL = """\
import boto3
def handler(event, context):
    client = boto3.client(event["service"], **event.get("client", {}))
    try:
        return getattr(client, event["call"])(**event.get("arguments", {}))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
"""


@pytest.fixture
async def caller(start_host: StartHost, write_function: WriteFunction) -> Host:
    stand_in = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}
    configuration = redirect.write(application(), "http://127.0.0.1:2", stand_in)
    function = write_function(REFUSED_CALL, timeout_seconds=60)
    return await start_host(function, redirect=configuration)


@pytest.mark.clause("SDK-2")
async def test_a_call_to_aws_goes_to_the_stand_in(caller: Host) -> None:
    client = {"endpoint_url": "https://dynamodb.eu-west-1.amazonaws.com"}

    answer = await caller.ask("F", {"service": "dynamodb", "call": "list_tables", "client": client})

    assert answer["error"] == (
        'EndpointConnectionError: Could not connect to the endpoint URL: "http://127.0.0.1:1/"'
    )


@pytest.mark.clause("SDK-3")
async def test_a_call_to_what_is_not_emulated_is_refused(caller: Host) -> None:
    arguments = {"SecretId": "name"}

    answer = await caller.ask(
        "F",
        {"service": "secretsmanager", "call": "get_secret_value", "arguments": arguments},
    )

    assert answer["error"] == (
        "ServiceNotEmulated: SECRETS_MANAGER GetSecretValue was not sent to "
        "secretsmanager.us-east-1.amazonaws.com: the local gateway does not emulate it, and lets "
        "no call of an AWS SDK leave this machine. Name another endpoint "
        "(AWS_ENDPOINT_URL_SECRETS_MANAGER), or start the local gateway with --no-sdk-redirect"
    )


@pytest.mark.clause("SDK-4")
async def test_a_call_to_a_server_of_ones_own_goes_there(caller: Host) -> None:
    client = {"endpoint_url": "http://127.0.0.1:3"}

    answer = await caller.ask("F", {"service": "s3", "call": "list_buckets", "client": client})

    assert answer["error"] == (
        'EndpointConnectionError: Could not connect to the endpoint URL: "http://127.0.0.1:3/"'
    )


@pytest.mark.clause("SDK-5")
async def test_credentials_are_dummies_and_an_instance_is_not_asked(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os
        import boto3
        from botocore.utils import InstanceMetadataFetcher
        def handler(event, context):
            found = boto3.Session().get_credentials()
            fetcher = InstanceMetadataFetcher(timeout=0.01, num_attempts=1)
            return [found.method, found.access_key, fetcher.retrieve_iam_role_credentials(),
                    os.environ["AWS_EC2_METADATA_DISABLED"]]
    """
    configuration = redirect.write(application(), "http://127.0.0.1:2", {})
    host = await start_host(write_function(source), redirect=configuration)

    assert await host.ask() == ["env", "local", {}, "true"]
