"""Where the conformance stack runs, and how a test speaks to one of its stages.

The local gateway is started with the stack's template, once for a run. With
`CONFORMANCE_TARGET=aws` the same tests speak to the stack that `make conformance-deploy` has
deployed; the environment has region and credentials, as for any tool of AWS.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast
from urllib.parse import quote, urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.fakes.gateway import RawClient, Response, read_response
from tests.processes import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from websockets.asyncio.client import ClientConnection

Event = dict[str, Any]
"""An event, or what a client tells the handler to do."""

TEMPLATE: Final = Path(__file__).parent / "stack/template.yaml"
PATIENCE_SECONDS: Final = 30.0
_KEY: Final = "BvlrrFKoKAPDYOlwBcGKWw=="


class Target(Protocol):
    """Where the stack runs."""

    def url(self, stage: str) -> str:
        """Return the WebSocket URL of a stage."""
        ...

    def sign(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that a request of the management API needs."""
        ...


class LocalTarget:
    """A local gateway in a process of its own."""

    def __init__(self, port: int) -> None:
        """Take the port that it listens on."""
        self._port = port

    def url(self, stage: str) -> str:
        """Return the WebSocket URL of a stage."""
        return f"ws://127.0.0.1:{self._port}/{stage}"

    def sign(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Return no headers: nothing is verified."""
        del method, url, body
        return {}


class AwsTarget:
    """The stack on AWS."""

    def __init__(self, stack: str) -> None:
        """Look the stack up; its outputs are the ids of its APIs."""
        session = boto3.Session()
        credentials = session.get_credentials()
        assert credentials is not None, "no credentials of AWS in the environment"
        self._region = session.region_name
        self._credentials = credentials.get_frozen_credentials()
        client = cast("Any", session.client("cloudformation"))  # pyright: ignore[reportUnknownMemberType] — its stubs are not installed
        outputs: list[dict[str, str]] = client.describe_stacks(StackName=stack)["Stacks"][0][
            "Outputs"
        ]
        self._ids = {output["OutputKey"].lower(): output["OutputValue"] for output in outputs}

    def url(self, stage: str) -> str:
        """Return the WebSocket URL of a stage."""
        host = f"{self._ids[stage]}.execute-api.{self._region}.amazonaws.com"
        return f"wss://{host}/{stage}"

    def sign(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of Signature Version 4."""
        request = AWSRequest(method=method, url=url, data=body)
        SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
        return dict(request.headers.items())


@contextmanager
def target() -> Generator[Target]:
    """Yield what the environment asks for."""
    if is_on_aws():
        yield AwsTarget(os.environ.get("CONFORMANCE_STACK", "cloudpush-conformance"))  # noqa: TID251 — a test's option
    else:
        with _local_gateway() as port:
            yield LocalTarget(port)


def is_on_aws() -> bool:
    """Tell whether the tests run against a deployed stack."""
    return os.environ.get("CONFORMANCE_TARGET", "local") == "aws"  # noqa: TID251 — a test's option


@contextmanager
def _local_gateway() -> Generator[int]:
    command = [sys.executable, "-m", "local_gateway", "--template", str(TEMPLATE), "--port", "0"]
    with subprocess.Popen(
        guarded(command),
        env={"PATH": os.defpath, "HOME": str(Path.home())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Its lines for the developer would fill the pipe; after a failure they say why.
        said: list[str] = []
        reading = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
        reading.start()
        port = 0
        for line in process.stdout:
            if line.startswith("WebSocket") and not port:
                port = urlsplit(str(line.split()[-1])).port or 0
            if line == "ready\n":
                break
        else:
            reading.join()
            raise AssertionError("".join(said))
        try:
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)


class Stage:
    """One stage, as its clients and its back-end see it."""

    def __init__(self, target: Target, name: str) -> None:
        """Take the stage's name."""
        self._target = target
        self.name = name
        self.url = target.url(name)
        parts = urlsplit(self.url)
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "wss"
        self._port = parts.port or (443 if self._is_tls else 80)

    # WebSocket

    def connect(
        self,
        query: str = "",
        *,
        told: Event | None = None,
        **options: Any,  # noqa: ANN401 — of websockets
    ) -> connect:
        """Connect a client, which tells the handler what to do in its `User-Agent`."""
        defaults: dict[str, Any] = {
            "compression": None,
            "ping_interval": None,
            "proxy": None,
            "open_timeout": PATIENCE_SECONDS,
            "user_agent_header": write_agent(told),
        }
        return connect(self.url + query, **(defaults | options))

    async def refusal(self, **told: Any) -> Response:  # noqa: ANN401 — what `$connect` is told
        """Connect, and return the answer, which must be a refusal."""
        return await self.refused({"connect": told})

    async def refused(self, told: Event, query: str = "") -> Response:
        """Connect a client that tells this, and return the answer, which must be a refusal."""
        try:
            async with self.connect(query, told=told):
                raise AssertionError("the handshake was accepted")
        except InvalidStatus as refused:
            headers = {name.lower(): value for name, value in refused.response.headers.items()}
            return Response(
                refused.response.status_code, headers, bytes(refused.response.body or b"")
            )

    @asynccontextmanager
    async def observing(self, query: str = "") -> AsyncGenerator[Observer]:
        """Connect an observer, who gets the events of other clients."""
        async with self.connect(query) as client:
            event = await ask(client)
            yield Observer(client, event["requestContext"]["connectionId"])

    async def connect_event(self, query: str = "", **options: Any) -> Event:  # noqa: ANN401
        """Return the CONNECT event of a client."""
        async with (
            self.observing() as observer,
            self.connect(query, told={"observer": observer.connection_id}, **options),
        ):
            return await observer.event()

    async def raw_connect_event(self, headers: str) -> Event:
        """Return the CONNECT event of a client that sends these headers as they stand."""
        async with self.observing() as observer:
            agent = write_agent({"observer": observer.connection_id})
            client = await self.raw(f"{headers}User-Agent: {agent}\r\n")
            event = await observer.event()
            await client.close()
            return event

    async def life(self) -> tuple[Event, Event, Event]:
        """Return the three events of a client that connects, asks and leaves."""
        async with self.observing() as observer:
            async with self.connect(told={"observer": observer.connection_id}) as client:
                connect = await observer.event()
                message = await ask(client)
                await observer.event()
            return connect, message, await observer.event()

    async def connected(self) -> tuple[ClientConnection, str]:
        """Return a new client and the id of its connection."""
        client = await self.connect()
        return client, (await ask(client))["requestContext"]["connectionId"]

    async def message_event(self, text: str) -> Event:
        """Return the MESSAGE event of a text for a two-way route."""
        async with self.connect() as client:
            await client.send(text)
            return json.loads(await client.recv())

    # HTTP

    async def raw(self, headers: str = "", *, rest: bytes = b"", path: str = "") -> RawClient:
        """Send a handshake with these headers and `rest` right behind it; don't read its answer."""
        reader, writer = await self._open()
        request = (
            f"GET {path or '/' + self.name} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"upgrade: websocket\r\nconnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
        )
        writer.write(f"{request}{headers}\r\n".encode() + rest)
        return RawClient(reader, writer)

    @asynccontextmanager
    async def opened(self, told: Event | None = None) -> AsyncGenerator[RawClient]:
        """Connect a client that sends any bytes."""
        client = await self.raw(f"User-Agent: {write_agent(told)}\r\n")
        client.response = await read_response(client.reader)
        assert client.response.status == 101
        try:
            yield client
        finally:
            await client.close()

    async def request(self, method: str, path: str) -> tuple[bytes, bytes]:
        """Make a request without headers, and return the head and the body of the answer."""
        reader, writer = await self._open()
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        answered = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in answered.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        answer = await reader.readexactly(length)
        writer.close()
        return answered, answer

    async def manage(
        self,
        method: str,
        connection_id: str,
        body: bytes = b"",
        *,
        at: str = "@connections",
        stage: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Call the management API; the id and `at` stand in the path as they are."""
        path = f"/{stage or self.name}/{at}/{connection_id}"
        signed = self._target.sign(method, f"https://{self._host}{path}", body)
        reader, writer = await self._open()
        all_headers = {
            "Host": self._host,
            "Content-Length": str(len(body)),
            **signed,
            **(headers or {}),
        }
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in all_headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            return await read_response(reader)
        finally:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context() if self._is_tls else None
        return await asyncio.open_connection(self._host, self._port, ssl=context)


class Observer(NamedTuple):
    """A connection that the handler reports to."""

    client: ClientConnection
    connection_id: str

    async def event(self) -> Event:
        """Return the next event that the handler got, or what else it reports."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return cast("Event", json.loads(await self.client.recv()))


def write_agent(told: Event | None) -> str:
    """Write the `User-Agent` of a client that tells the handler what to do."""
    return quote(json.dumps({"tell": told})) if told else "conformance"


async def ask(client: ClientConnection, **told: Any) -> Event:  # noqa: ANN401
    """Send a message for the two-way route `ask`, and return the answer to it."""
    await client.send(message("ask", **told))
    async with asyncio.timeout(PATIENCE_SECONDS):
        return cast("Event", json.loads(await client.recv()))


def message(action: str, **told: Any) -> str:  # noqa: ANN401 — what the handler is told
    """Write a message for a route, which tells the handler what to do with it."""
    return json.dumps({"action": action, "tell": {"message": told}} if told else {"action": action})
