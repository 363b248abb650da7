"""Those who run Lambda handlers behind a WebSocket API: our gateway, and its peers."""

from __future__ import annotations

import io
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3

from benchmarks.peers.entrant import (
    FILES,
    MODULES,
    PLACE,
    Entrant,
    npm_version,
    running_at,
)
from benchmarks.servers import Server, free_port, gateway_command, running

if TYPE_CHECKING:
    from collections.abc import Generator

NOT_FETCHED = "not installed (make peers)"
MINISTACK = PLACE / "ministack"

_PYTHON, _NODE = "python3.13", "nodejs22.x"


def find_hosts() -> list[Entrant[Server]]:
    """Return all of them, ours first."""
    no_node = "" if shutil.which("node") else "no node on the PATH"
    offline = npm_version("serverless-offline")
    in_process = npm_version("aws-lambda-ws-server")
    ministack = _ministack_version()
    return [
        Entrant("ours, Python", lambda: _running_ours(_PYTHON)),
        Entrant("ours, Node", lambda: _running_ours(_NODE), absence=no_node),
        Entrant("ours, Python, `inline`", lambda: _running_ours(_PYTHON, "--host-mode", "inline")),
        *(
            Entrant(
                f"serverless-offline, {title}",
                lambda runtime=runtime, more=more: _running_offline(runtime, *more),
                offline,
                "" if offline else NOT_FETCHED,
            )
            for title, runtime, more in (
                ("Python", "python3.11", ()),
                ("Node", "nodejs20.x", ()),
                ("Node in process", "nodejs20.x", ("--useInProcess",)),
            )
        ),
        Entrant(
            "ministack, Python", _running_ministack, ministack, "" if ministack else NOT_FETCHED
        ),
        Entrant(
            "aws-lambda-ws-server",
            _running_in_process,
            in_process,
            "" if in_process else NOT_FETCHED,
        ),
    ]


@contextmanager
def _running_ours(runtime: str, *options: str) -> Generator[Server]:
    port = free_port()
    posts_to = f"127.0.0.1:{port}/dev/@connections/"
    parameters = {"Runtime": runtime, "PostsTo": posts_to}
    command = [*gateway_command(FILES / "template.yaml", port, parameters), *options]
    with running(command, port, {}) as server:
        yield server


@contextmanager
def _running_offline(runtime: str, *options: str) -> Generator[Server]:
    port = free_port()
    environment = {
        "PEER_RUNTIME": runtime,
        "PEER_POSTS_TO": f"127.0.0.1:{port}/@connections/",
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    command = [
        *(str(MODULES / ".bin" / "serverless"), "offline", "--noSponsor", "--host", "127.0.0.1"),
        *("--websocketPort", str(port), "--httpPort", str(free_port())),
        *("--lambdaPort", str(free_port()), *options),
    ]
    with (
        _copied_files("serverless.yml", "handlers.py", "handlers.js") as folder,
        running_at(command, port, folder=folder, environment=environment) as server,
    ):
        yield server


@contextmanager
def _running_ministack() -> Generator[Server]:
    port = free_port()
    environment = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
    command = [str(MINISTACK / "bin" / "ministack")]
    with running_at(command, port, environment=environment) as server:
        path = _deploy(f"http://127.0.0.1:{port}")
        yield Server(server.pid, port, server.start_seconds, path)


@contextmanager
def _running_in_process() -> Generator[Server]:
    port = free_port()
    package = MODULES / "aws-lambda-ws-server"
    command = ["node", str(FILES / "in_process.js"), str(package), str(port)]
    with running_at(command, port, folder=FILES) as server:
        yield server


@contextmanager
def _copied_files(*names: str) -> Generator[Path]:
    """Copy files into a folder that may be written to."""
    with TemporaryDirectory() as folder:
        for name in names:
            shutil.copy(FILES / name, folder)
        yield Path(folder)


def _ministack_version() -> str:
    found = MINISTACK.glob("lib/python*/site-packages/ministack-*.dist-info")
    return next((folder.name.split("-")[1].removesuffix(".dist") for folder in found), "")


def _deploy(endpoint: str) -> str:
    """Make the API by calls, as one has to there; return the path of its stage."""
    session: Any = boto3.Session(  # the stubs know its services one by one
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    gateway = session.client("apigatewayv2", endpoint_url=endpoint)
    functions = session.client("lambda", endpoint_url=endpoint)
    api_id = gateway.create_api(
        Name="peer", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.write(FILES / "handlers.py", "handlers.py")
    posts_to = endpoint.removeprefix("http://") + f"/_aws/execute-api/{api_id}/dev/@connections/"
    targets: dict[str, str] = {}
    for name in ("admit", "echo", "back"):
        arn = functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler=f"handlers.{name}",
            Role="arn:aws:iam::000000000000:role/peer",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": {"POSTS_TO": posts_to}},
        )["FunctionArn"]
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        integration = gateway.create_integration(
            ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=uri
        )
        targets[name] = f"integrations/{integration['IntegrationId']}"
    routes = {"$connect": "admit", "$disconnect": "admit", "$default": "echo", "back": "back"}
    for key, name in routes.items():
        route = gateway.create_route(
            ApiId=api_id,
            RouteKey=key,
            Target=targets[name],
            RouteResponseSelectionExpression="$default" if name == "echo" else "",
        )
        if name == "echo":
            gateway.create_route_response(
                ApiId=api_id, RouteId=route["RouteId"], RouteResponseKey="$default"
            )
    gateway.create_stage(ApiId=api_id, StageName="dev", AutoDeploy=True)
    return f"/_aws/execute-api/{api_id}/dev"
