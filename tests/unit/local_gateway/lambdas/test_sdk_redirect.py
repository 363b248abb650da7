"""Where a call of an AWS SDK goes: the hooks of both languages, held to one table."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from local_gateway import redirect
from local_gateway.addressing import Address, Addressing, Management, Nowhere
from local_gateway.api import Application, HttpApi, MappedStage, Stage, WebSocketApi
from local_gateway.lambdas.interpreters import Interpreters
from local_gateway.lambdas.runtimes import NODE_FOLDER
from local_gateway.lambdas.sdk_redirect import Redirect, Refused
from tests.fakes.applications import an_application
from tests.node import require_node

if TYPE_CHECKING:
    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

GATEWAY: Final = "http://127.0.0.1:3000"
HTTP: Final = HttpApi(
    logical_id="Http", api_id="httphttpht", name="http", routes=(), stage=Stage(name="$default")
)
DEV, TEST = Stage(name="dev"), Stage(name="test")


def websocket_api(logical_id: str, api_id: str, *stages: Stage) -> WebSocketApi:
    return WebSocketApi(
        logical_id=logical_id,
        api_id=api_id,
        name=logical_id,
        route_selection_expression="",
        routes={},
        stages={stage.name: stage for stage in stages},
    )


def application(*apis: WebSocketApi) -> Application:
    return an_application(
        websocket_apis={api.logical_id: api for api in apis},
        http_apis={"Http": HTTP},
        custom_domains={
            "feed.example.com": {
                "": MappedStage(api="Feed", stage="dev"),
                "t": MappedStage(api="Feed", stage="test"),
            }
        }
        if len(apis) > 1
        else {},
    )


CHAT = websocket_api("Chat", "chatchatch", DEV)
FEED = websocket_api("Feed", "feedfeedfe", DEV, TEST)
ONE, TWO = application(CHAT), application(CHAT, FEED)
ENVIRONMENT = {
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:4000",
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{GATEWAY}/dev",
    "OTHER": "x",
}

MANAGEMENT: Final = ("APIGATEWAYMANAGEMENTAPI", "execute-api")
DYNAMODB: Final = ("DYNAMODB", "dynamodb")
S3: Final = ("S3", "s3")
AT: Final = "/@connections/abc%3D"


def deployed(api_id: str, region: str = "us-east-1") -> str:
    return f"https://{api_id}.execute-api.{region}.amazonaws.com"


REFUSED: Final = "refused"
CASES: Final[dict[str, tuple[Application, tuple[str, str], str, Address | str]]] = {
    "a deployed address of this template": (
        TWO,
        MANAGEMENT,
        f"{deployed('chatchatch')}/dev{AT}",
        Management(CHAT, DEV, "abc%3D"),
    ),
    "the other API's stage of the same name": (
        TWO,
        MANAGEMENT,
        f"{deployed('feedfeedfe')}/dev{AT}",
        Management(FEED, DEV, "abc%3D"),
    ),
    "an at sign that is encoded": (
        TWO,
        MANAGEMENT,
        f"{deployed('feedfeedfe')}/test/%40connections/abc",
        Management(FEED, TEST, "abc"),
    ),
    "a stage that the API doesn't have": (
        TWO,
        MANAGEMENT,
        f"{deployed('chatchatch')}/test{AT}",
        Nowhere(),
    ),
    "another deployment, with a stage that one API has": (
        TWO,
        MANAGEMENT,
        f"{deployed('zzzzzzzzzz', 'eu-west-1')}/test{AT}",
        Management(FEED, TEST, "abc%3D"),
    ),
    "a domain of its own": (
        ONE,
        MANAGEMENT,
        f"https://ws.example.com{AT}",
        Management(CHAT, DEV, "abc%3D"),
    ),
    "a domain of its own with a path": (
        TWO,
        MANAGEMENT,
        f"https://ws.example.com/test{AT}",
        Management(FEED, TEST, "abc%3D"),
    ),
    "a domain of its own, of nobody knows which API": (
        TWO,
        MANAGEMENT,
        f"https://ws.example.com/v1{AT}",
        REFUSED,
    ),
    "a domain that the template maps": (
        TWO,
        MANAGEMENT,
        f"https://feed.example.com{AT}",
        Management(FEED, DEV, "abc%3D"),
    ),
    "a domain that the template maps, by a key": (
        TWO,
        MANAGEMENT,
        f"https://feed.example.com/t{AT}",
        Management(FEED, TEST, "abc%3D"),
    ),
    "the emulator itself": (
        TWO,
        MANAGEMENT,
        f"{GATEWAY}/_apis/Feed/test{AT}",
        Management(FEED, TEST, "abc%3D"),
    ),
    "a deployed address without TLS": (
        ONE,
        MANAGEMENT,
        f"http://zzzzzzzzzz.execute-api.eu-west-1.amazonaws.com/dev{AT}",
        Management(CHAT, DEV, "abc%3D"),
    ),
    "an API of somebody else's that is no WebSocket API": (
        ONE,
        ("EXECUTE_API", "execute-api"),
        f"{deployed('zzzzzzzzzz')}/prod/items",
        REFUSED,
    ),
    "an emulated service": (
        ONE,
        DYNAMODB,
        "https://dynamodb.eu-west-1.amazonaws.com/",
        "http://127.0.0.1:4000/",
    ),
    "a server of one's own": (ONE, DYNAMODB, "http://dynamodb:8000/", "http://dynamodb:8000/"),
    "a store that speaks S3": (
        ONE,
        S3,
        "https://minio.example.com/b?x=1",
        "https://minio.example.com/b?x=1",
    ),
    "a server of this machine": (ONE, S3, "http://localhost:9000/b", "http://localhost:9000/b"),
    "a service that isn't emulated": (ONE, S3, "https://b.s3.amazonaws.com/k", REFUSED),
    "the same in China": (ONE, S3, "https://s3.cn-north-1.amazonaws.com.cn/", REFUSED),
    "the same by its other name": (ONE, S3, "https://s3.dualstack.eu-west-1.api.aws/", REFUSED),
    "the same in a cloud apart": (ONE, S3, "https://s3.us-iso-east-1.c2s.ic.gov/", REFUSED),
    "a name that only looks like it": (
        ONE,
        S3,
        "https://notamazonaws.com/",
        "https://notamazonaws.com/",
    ),
}


def ends_at(known: Application, url: str, host: str) -> Address | str:
    """Return the part of the emulator that a URL reaches, or the URL if it is for another."""
    if not url.startswith(GATEWAY):
        return url
    addressing, path = Addressing(known), urlsplit(url).path
    return addressing.resolve_at(host, path) or addressing.resolve(path)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_python(case: tuple[Application, tuple[str, str], str, Address | str]) -> None:
    known, (service, _), url, expected = case
    hook = Redirect(redirect.write(known, GATEWAY, ENVIRONMENT))

    try:
        found = ends_at(known, hook.url_for(service, "Operation", url), "127.0.0.1")
    except Refused:
        found = REFUSED

    assert found == expected


@pytest.fixture(scope="module")
def decisions() -> dict[str, dict[str, Any] | None]:
    """Ask `decide` of the Node.js hook about every case, in one process."""
    asked = {
        name: {
            "config": json.loads(redirect.write(known, GATEWAY, ENVIRONMENT)),
            "secure": url.startswith("https:"),
            "host": urlsplit(url).hostname,
            "path": url.removeprefix(url[: url.index("/", 8)]),
            "headers": {
                "authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/"
                f"{signing_name}/aws4_request, SignedHeaders=host, Signature=0"
            },
        }
        for name, (known, (_, signing_name), url, _) in CASES.items()
    }
    code = """
        const { decide } = require(process.argv[1]);
        const cases = Object.entries(JSON.parse(process.argv[2]));
        const answers = cases.map(([name, { config, ...request }]) =>
          [name, decide(config, request)]);
        console.log(JSON.stringify(Object.fromEntries(answers)));
    """
    command = [str(require_node().path), "-e", code, str(NODE_FOLDER / "sdk_redirect.cjs")]
    output = subprocess.run([*command, json.dumps(asked)], check=True, capture_output=True).stdout
    return json.loads(output)


@pytest.mark.parametrize("name", CASES)
def test_node(decisions: dict[str, dict[str, Any] | None], name: str) -> None:
    known, _, url, expected = CASES[name]
    decision = decisions[name] or {"url": url}

    found: Address | str = REFUSED
    if "url" in decision:
        found = ends_at(known, decision["url"], decision.get("host", "127.0.0.1"))

    assert found == expected


def test_a_refusal_says_what_to_do() -> None:
    hook = Redirect(redirect.write(ONE, GATEWAY, {}))

    with pytest.raises(Refused) as caught:
        hook.url_for("SECRETS_MANAGER", "GetSecretValue", "https://secretsmanager.amazonaws.com/")

    assert str(caught.value) == (
        "SECRETS_MANAGER GetSecretValue was not sent to secretsmanager.amazonaws.com: the local "
        "gateway does not emulate it, and lets no call of an AWS SDK leave this machine. Name "
        "another endpoint (AWS_ENDPOINT_URL_SECRETS_MANAGER), or start the local gateway with "
        "--no-sdk-redirect"
    )


HOOKED: Final = """
    import sys
    def handler(event, context):
        hooks = [type(each).__name__ for each in sys.meta_path]
        before = "_local_gateway_sdk_redirect" in str(sys.modules), "BotocoreHook" in hooks
        try:
            import boto3
            boto3.client("s3").list_buckets()
        except Exception as error:
            return [*before, type(error).__name__, str(error)[:14]]
"""


async def test_botocore_is_hooked_when_it_is_imported(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    configuration = redirect.write(ONE, GATEWAY, {})
    host = await start_host(write_function(HOOKED, timeout_seconds=30), redirect=configuration)

    assert await host.ask() == [False, True, "ServiceNotEmulated", "S3 ListBuckets"]


async def test_without_the_redirect_there_is_no_hook(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os, sys
        def handler(event, context):
            hooks = [type(each).__name__ for each in sys.meta_path]
            return ["BotocoreHook" in hooks, "AWS_EC2_METADATA_DISABLED" in os.environ]
    """
    host = await start_host(write_function(source))

    assert await host.ask() == [False, False]


PLAIN_REQUESTS: Final = """
    const http = require("node:http");
    const https = require("node:https");
    const get = (module, ...options) => new Promise((resolve) => {
      try {
        const request = module.get(...options, (response) => resolve(response.statusCode));
        request.on("error", (error) => resolve(error.code ?? error.message));
      } catch (error) {
        resolve(error.message);
      }
    });
    exports.handler = async (port) => [
      await get(https, `https://chatchatch.execute-api.us-east-1.amazonaws.com/x`),
      await get(https, `https://httphttpht.execute-api.us-east-1.amazonaws.com/x`),
      await get(https, new URL("https://nothing.invalid/x"), { headers: { "User-Agent": "me" } }),
      await get(http, { host: "169.254.169.254", path: "/latest" }),
      process.env.AWS_EC2_METADATA_DISABLED,
    ];
"""


async def test_node_sends_requests_of_others_where_they_are_for(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    configuration = redirect.write(ONE, "http://127.0.0.1:1", {})
    function = write_function(
        files={"index.js": PLAIN_REQUESTS}, handler="index.handler", runtime="nodejs20.x"
    )
    interpreters = Interpreters(node=require_node())
    host = await start_host(function, interpreters=interpreters, redirect=configuration)

    *own, elsewhere, metadata, disabled = await host.ask()

    assert own == ["ECONNREFUSED", "ECONNREFUSED"]
    assert elsewhere in {"ENOTFOUND", "EAI_AGAIN"}
    assert metadata == "169.254.169.254 was not asked: there is no instance metadata here"
    assert disabled == "true"


async def test_a_functions_own_node_options_stay(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function(
        files={"index.js": "exports.handler = async () => process.env.NODE_OPTIONS;"},
        handler="index.handler",
        runtime="nodejs20.x",
        environment={"NODE_OPTIONS": "--enable-source-maps"},
    )
    interpreters = Interpreters(node=require_node())
    configuration = redirect.write(ONE, GATEWAY, {})
    host = await start_host(function, interpreters=interpreters, redirect=configuration)

    assert await host.ask() == (f'--require "{NODE_FOLDER}/sdk_redirect.cjs" --enable-source-maps')
