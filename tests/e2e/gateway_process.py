"""The emulator as a process, as a user starts it, and what a test needs to talk to it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import botocore.session
import httpx
import psutil
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.canaries import Canaries
from tests.processes import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
OUR_TEMPLATE = "template.yaml"
START_SECONDS = 60.0
STOP_SECONDS = 3.0
ANSWER_SECONDS = 40.0

Envelope = dict[str, Any]


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class GatewayProcess:
    """One running `local-gateway`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.websocket_url = f"ws://127.0.0.1:{port}/dev"
        self.banner = ""
        """What it wrote to standard output before `ready`."""
        self.output = ""
        """What it wrote there after that, once it has stopped."""
        self.log = ""
        """What it wrote to standard error, once it has stopped."""
        self.canaries = Canaries()
        self.http = httpx.AsyncClient(
            base_url=self.url,
            timeout=ANSWER_SECONDS,
            event_hooks={"request": [self.canaries.heed_request]},
        )

    def family(self) -> list[psutil.Process]:
        """Return the process and all its descendants."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    @property
    def inspector_url(self) -> str:
        """The address of the inspector's page, with its token, as it was printed."""
        return next(word for word in self.banner.split() if "/_gateway/#" in word)

    async def push(self, **body: Any) -> dict[str, Any]:  # noqa: ANN401 — any JSON
        """Push by HTTP, and return the answer, which must be a success."""
        response = await self.http.post("/message/send", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def until_done(self, message_id: str) -> None:
        """Wait until a message to all goes to nobody more: a client that comes later gets none."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                response = await self.http.get(f"/v1/messages/{message_id}")
                assert response.status_code == 200, response.text
                if response.json()["state"] == "done":
                    return

    async def invoke(self, function: str, event: Mapping[str, Any]) -> httpx.Response:
        """Invoke a function through the Invoke API."""
        return await self.http.post(f"/2015-03-31/functions/{function}/invocations", json=event)

    def stand_in(self, name: str) -> str:
        """Return where the embedded server of a service is, by its name in the banner."""
        address = re.search(rf"{name} +is +\w+ at (\S+)", self.banner)
        assert address is not None, self.banner
        return address[1]

    async def send_to_queue(self, name: str, body: str) -> None:
        """Send a record to an embedded queue."""
        address = self.stand_in("SQS")

        def send() -> None:
            sqs = aws_client("sqs", address)
            [url] = [each for each in sqs.list_queues()["QueueUrls"] if each.endswith(f"/{name}")]
            sqs.send_message(QueueUrl=url, MessageBody=body)
            sqs.close()

        await asyncio.to_thread(send)

    @asynccontextmanager
    async def client(
        self,
        client_id: str,
        **query: Any,  # noqa: ANN401 — any value of a query
    ) -> AsyncGenerator[Client]:
        """Connect a client, and see its CONNECTION come first."""
        url = f"{self.websocket_url}?{urlencode({'channelId': client_id, **query})}"
        self.canaries.heed_credential(str(query.get("token", "")))
        async with connect(url, ping_interval=None) as websocket:
            client = Client(websocket, self.canaries)
            client.hello = await client.receive()
            yield client

    async def stop(self, number: int = signal.SIGTERM, *, seconds: float = STOP_SECONDS) -> int:
        """Stop it, and return its exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(seconds):
            return await self.process.wait()


def aws_client(service: str, url: str) -> Any:  # noqa: ANN401 — botocore makes it at run time
    """Return a client of a service that is embedded at this URL."""
    return botocore.session.get_session().create_client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


class Client:
    """A WebSocket client that speaks in envelopes."""

    hello: Envelope

    def __init__(self, websocket: ClientConnection, canaries: Canaries | None = None) -> None:
        self.websocket = websocket
        self._canaries = canaries or Canaries()

    async def receive(self) -> Envelope:
        """Return the next envelope."""
        async with asyncio.timeout(ANSWER_SECONDS):
            return json.loads(await self.websocket.recv())

    async def receive_until(self, msg_type: int) -> Envelope:
        """Return the next envelope of this type, and drop those before it."""
        while (envelope := await self.receive())["msgType"] != msg_type:
            pass
        return envelope

    async def send(self, **envelope: Any) -> None:  # noqa: ANN401 — any JSON
        """Send an envelope."""
        self._canaries.heed_envelope(envelope)
        await self.websocket.send(json.dumps(envelope))

    async def heartbeat(self) -> Envelope:
        """Send a heartbeat and return what comes next: a barrier for what came before."""
        await self.send(msgType=3)
        return await self.receive()


@asynccontextmanager
async def running_gateway(
    arguments: Sequence[str],
    *,
    port: int | None = None,
    start_seconds: float = START_SECONDS,
    stop_seconds: float = STOP_SECONDS,
) -> AsyncGenerator[GatewayProcess]:
    """Start `python -m local_gateway` with these arguments, wait for `ready`, and stop it."""
    port = port or free_port()
    process = await start_process([*arguments, "--port", str(port)])
    gateway = GatewayProcess(process, port)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(start_seconds):
            while (line := await process.stdout.readline()) != b"ready\n":
                assert line, await read_errors(process)
                gateway.banner += line.decode()
        drain = asyncio.create_task(process.stdout.read())
        log = asyncio.create_task(read_errors(process))
        yield gateway
        if process.returncode is None:
            await gateway.stop(seconds=stop_seconds)
        gateway.output = (await drain).decode()
        gateway.log = await log
        if OUR_TEMPLATE in arguments:  # what functions of others log is theirs
            written = gateway.banner + gateway.output + gateway.log
            assert gateway.canaries.found_in(written) == []
    finally:
        await gateway.http.aclose()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def start_process(arguments: Sequence[str]) -> asyncio.subprocess.Process:
    """Start the command in the repository's root, with the environment of a plain shell."""
    return await asyncio.create_subprocess_exec(
        *guarded([sys.executable, "-m", "local_gateway", *arguments]),
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": str(Path.home())},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def read_errors(process: asyncio.subprocess.Process) -> str:
    """Return all that a process that ended has complained about."""
    assert process.stderr is not None
    return (await process.stderr.read()).decode()


def main_job(store: str, port: int, **parameters: str) -> list[str]:
    """Return the arguments that `make dev` passes."""
    overrides = {
        "Stage": "dev",
        "Store": store,
        "WebSocketUrl": f"ws://127.0.0.1:{port}/dev",
        "TestPage": "true",
        "AuthMode": "none",
        **({"RedisUrl": "embedded:valkey"} if store == "redis" else {}),
        **parameters,
    }
    pairs = [f"{name}={value}" for name, value in overrides.items()]
    return ["--template", OUR_TEMPLATE, "--parameter-overrides", *pairs]
