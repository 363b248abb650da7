"""A WebSocket front with its management API on a free port, without a template or functions."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from websockets.asyncio.client import connect

from local_gateway import assumptions
from local_gateway.answer import FORBIDDEN, respond
from local_gateway.api import (
    Application,
    Identity,
    LambdaProxy,
    Route,
    Stage,
    Throttle,
    WebSocketApi,
)
from local_gateway.authorization.access import Access
from local_gateway.management import ManagementApi
from local_gateway.registry import Registry
from local_gateway.server import Server
from local_gateway.session import WebSocketFront
from local_gateway.why import Why
from tests.fakes.applications import an_application
from tests.fakes.functions import RecordingFunctions, accept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.client import ClientConnection

    from local_gateway.limits import TokenBucket
    from local_gateway.server import Headers, Receive, Scope, Send

API_ID = "lg10ltpf4f"
HOST = f"{API_ID}.execute-api.us-east-2.amazonaws.com"


class Response(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def route(
    key: str,
    function: str | None,
    *,
    two_way: bool = False,
    timeout_ms: int = 29_000,
    **more: Any,  # noqa: ANN401 — of the model
) -> Route:
    """Make a route; without a function it has no integration."""
    integration = function and LambdaProxy(
        logical_id=f"{key}Integration", function=function, timeout_ms=timeout_ms
    )
    return Route(
        logical_id=f"{key}Route",
        route_key=key,
        integration=integration or None,
        has_route_response=two_way,
        **more,
    )


def websocket_api(
    *routes: Route,
    expression: str = "$request.body.action",
    variables: Mapping[str, str] | None = None,
    throttle: Throttle | None = None,
    route_throttles: Mapping[str, Throttle] | None = None,
    api_id: str = API_ID,
) -> WebSocketApi:
    """Make an API with the stages `dev` and `prod`."""
    stages = (
        Stage(
            name=name,
            variables=variables or {},
            throttle=throttle,
            route_throttles=route_throttles or {},
        )
        for name in ("dev", "prod")
    )
    return WebSocketApi(
        logical_id=f"Api{api_id}",
        api_id=api_id,
        name="chat",
        route_selection_expression=expression,
        routes={each.route_key: each for each in routes},
        stages={stage.name: stage for stage in stages},
    )


def application(*apis: WebSocketApi, **changes: Any) -> Application:  # noqa: ANN401 — of the model
    """Make an application of WebSocket APIs alone, whose functions API Gateway may invoke."""
    integrations = [route.integration for api in apis for route in api.routes.values()]
    functions = [each.function for each in integrations if each and each.function]
    functions += [
        route.authorizer.function
        for api in apis
        for route in api.routes.values()
        if route.authorizer
    ]
    made = an_application(
        identity=Identity(region="us-east-2"),
        websocket_apis={api.logical_id: api for api in apis},
        permissions=frozenset((function, "*") for function in functions),
    )
    return replace(made, **changes)


def is_friendly(headers: Headers) -> bool:
    """Do what the emulator's check of the Host header does, as far as these tests need it."""
    return (b"host", b"evil.example") not in headers


DEFAULT_ROUTES = (
    route("$connect", "connect"),
    route("$disconnect", "disconnect"),
    route("$default", "default"),
    route("join", "join"),
    route("ask", "ask", two_way=True),
    route("idle", None),
)


class Gateway:
    """One API on a server of its own, and its clients."""

    def __init__(
        self,
        *routes: Route,
        functions: RecordingFunctions | None = None,
        expression: str = "$request.body.action",
        variables: Mapping[str, str] | None = None,
        throttle: Throttle | None = None,
        route_throttles: Mapping[str, Throttle] | None = None,
        account_rate: TokenBucket | None = None,
        assume: Mapping[str, str] | None = None,
        is_direct: bool = True,
        api: Mapping[str, Any] | None = None,
        declared: Mapping[str, Any] | None = None,
        access: Mapping[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 — options of the front
    ) -> None:
        """Take the routes, and what differs from the defaults.

        `api` and `declared` are fields of the API and of the application, `access` are options of
        `Access`.
        """
        self.functions = functions or RecordingFunctions()
        for name in ("connect", "disconnect", "default", "join", "ask"):
            self.functions.handlers.setdefault(name, accept)
        self.lines: list[str] = []
        self.registry = Registry()
        self.api = replace(
            websocket_api(
                *(routes or DEFAULT_ROUTES),
                expression=expression,
                variables=variables,
                throttle=throttle,
                route_throttles=route_throttles,
            ),
            **(api or {}),
        )
        served = application(self.api, **(declared or {}))
        why = Why(self.lines.append)
        shared: dict[str, Any] = {
            "account_rate": account_rate,
            "access": Access(served, says=why, **(access or {})),
            "assumptions": assumptions.read(f"{n}={value}" for n, value in (assume or {}).items()),
            "why": why,
        }
        self.front = WebSocketFront(served, self.functions, self.registry, **shared, **options)
        self.management = ManagementApi(served, self.registry, **shared)
        places = {b"/dev/@connections": (self.api, self.api.stages["dev"])}
        direct = self.management.answer_directly(places, admits=is_friendly) if is_direct else None
        self.server = Server(self._dispatch, port=0, direct=direct)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.server.stop()
        await self.front.close()
        await self.functions.stop()

    @property
    def url(self) -> str:
        """The stage `dev`."""
        return f"ws://127.0.0.1:{self.server.port}/dev"

    def connect(self, query: str = "", **options: Any) -> connect:  # noqa: ANN401 — of websockets
        """Connect a client, which offers neither compression nor pings."""
        defaults: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None}
        return connect(self.url + query, **(defaults | options))

    async def connected(self) -> tuple[ClientConnection, str]:
        """Return a new client and the id of its connection."""
        client = await self.connect()
        event = await self.functions.next_event("connect")
        return client, event["requestContext"]["connectionId"]

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make one HTTP request on a connection of its own, the path as it stands."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        all_headers = {"Host": "gateway", "Content-Length": str(len(body)), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in all_headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            return await read_response(reader)
        finally:
            writer.close()
            await writer.wait_closed()

    async def post(self, connection_id: str, body: bytes) -> Response:
        """Post to a connection of the stage `dev`."""
        return await self.request("POST", f"/dev/@connections/{connection_id}", body)

    async def get(self, connection_id: str) -> Response:
        """Get a connection of the stage `dev`."""
        return await self.request("GET", f"/dev/@connections/{connection_id}")

    async def delete(self, connection_id: str) -> Response:
        """Delete a connection of the stage `dev`."""
        return await self.request("DELETE", f"/dev/@connections/{connection_id}")

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what the emulator's own dispatcher does, as far as these tests need it."""
        _, stage_name, *rest = scope["raw_path"].decode().split("/")
        stage = self.api.stages.get(stage_name) if is_friendly(scope["headers"]) else None
        if scope["type"] == "websocket":
            assert stage is not None
            await self.front(self.api, stage, scope, receive, send)
        elif stage is None:
            await respond(send, FORBIDDEN, "")
        else:
            await self.management(self.api, stage, rest[1], scope, receive, send)


async def read_response(reader: asyncio.StreamReader) -> Response:
    """Read one HTTP response."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.split("\r\n")[:-2]
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(int(status.split()[1]), headers, body)


def frame(opcode: int, payload: bytes, *, is_final: bool = True, has_mask: bool = True) -> bytes:
    """Write a frame as a client does, with a mask of zeros (RFC 6455, 5.2)."""
    first = opcode | 0x80 if is_final else opcode
    mask_bit = 0x80 if has_mask else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask_bit | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    return head + (bytes(4) if has_mask else b"") + payload


class RawClient:
    """A client that sends any bytes, and reads frames one by one."""

    response: Response
    """The answer to its handshake, once that has been read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what `open` made."""
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, gateway: Gateway, *, rest: bytes = b"") -> Self:
        """Send a handshake, with `rest` right behind it, and read its answer."""
        client = await cls.begin(gateway, rest=rest)
        client.response = await read_response(client.reader)
        assert client.response.status == 101
        return client

    @classmethod
    async def begin(
        cls,
        gateway: Gateway,
        *,
        rest: bytes = b"",
        headers: str = "",
        path: str = "/dev",
        replacing: tuple[str, str] = ("", ""),
    ) -> Self:
        """Send a handshake, with something in it replaced, and don't wait for its answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
        request = (
            f"GET {path} HTTP/1.1\r\nHost: gateway\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            "Sec-WebSocket-Key: BvlrrFKoKAPDYOlwBcGKWw==\r\nSec-WebSocket-Version: 13\r\n"
        )
        writer.write(f"{request.replace(*replacing)}{headers}\r\n".encode() + rest)
        return cls(reader, writer)

    def send(self, *frames: bytes) -> None:
        """Send frames in one piece."""
        self.writer.write(b"".join(frames))

    @property
    def transport(self) -> asyncio.Transport:
        """The socket: pausing it makes a client that does not read."""
        return cast("asyncio.Transport", self.writer.transport)

    async def read_frame(self) -> tuple[int, bytes]:
        """Read a frame; return its first byte and its payload."""
        first, second = await self.reader.readexactly(2)
        length = second
        if second == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif second == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first, await self.reader.readexactly(length)

    async def read_close(self) -> tuple[int, str]:
        """Read a close frame; return its code and reason."""
        first, payload = await self.read_frame()
        assert first == 0x88
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    async def close(self) -> None:
        """Close the socket, without a close frame."""
        self.writer.close()
        await self.writer.wait_closed()
