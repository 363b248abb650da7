"""The server core with applications of its own, and what it takes from uvicorn."""

from __future__ import annotations

import asyncio
import gc
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local_gateway.errors import PortInUse, StartError
from local_gateway.limits import MESSAGE_BYTES
from local_gateway.server import HttpProtocol, Server
from tests.fakes.gateway import read_response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from local_gateway.server import App, Headers, Receive, Reply, Scope, Send
    from tests.fakes.gateway import Gateway


@asynccontextmanager
async def serving(app: App, **options: Any) -> AsyncGenerator[Server]:  # noqa: ANN401 — of Server
    server = Server(app, port=0, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Speak plain ASGI, as any application may."""
    assert scope["type"] == "http"
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    body += message["body"]
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def exchange(server: Server, request: bytes, count: int = 1) -> list[tuple[int, bytes]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    responses = [await read_response(reader) for _ in range(count)]
    writer.close()
    await writer.wait_closed()
    return [(response.status, response.body) for response in responses]


def post(path: str, body: bytes, extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def test_uvicorn_has_what_its_subclass_leans_on() -> None:
    names = {
        "_should_upgrade",
        "_unset_keepalive_if_required",
        "on_response_complete",
        "send_400_response",
        "shutdown",
    }

    assert names <= set(dir(HttpToolsProtocol))


async def test_application_of_plain_asgi_works() -> None:
    async with serving(echo) as server:
        assert await exchange(server, post("/", b"body")) == [(200, b"body")]


async def test_port_in_use_is_said() -> None:
    async with serving(echo) as server:
        second = Server(echo, port=server.port)
        with pytest.raises(PortInUse) as raised:
            await second.start()

    assert raised.value.port == server.port


async def test_address_that_this_machine_does_not_have_is_said() -> None:
    elsewhere = Server(echo, host="192.0.2.1", port=3000)

    with pytest.raises(StartError, match=r"^port 3000 on 192\.0\.2\.1: .*assign requested address"):
        await elsewhere.start()


async def test_free_port_is_told() -> None:
    async with serving(echo) as server:
        assert server.port > 0


async def test_stopped_server_stops_again_and_frees_its_port() -> None:
    async with serving(echo) as server:
        await server.stop()
        await server.stop()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", server.port)) != 0


async def test_stop_cuts_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_gateway.server._STOP_SECONDS", 0.05)
    started = asyncio.Event()
    ended: list[str] = []

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with serving(hang) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post("/", b""))
        await started.wait()
        await server.stop()
        rest = await asyncio.gather(reader.read(), return_exceptions=True)
        writer.close()

    assert ended == ["cancelled"]
    assert isinstance(rest[0], ConnectionResetError) or rest == [b""]


async def test_request_that_is_no_http_is_400() -> None:
    async with serving(echo) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"hello\r\n\r\n")
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answered.startswith(b"HTTP/1.1 400 ")


def direct_for(path: bytes) -> Callable[[str, bytes, Headers], Reply | None]:
    def reply(body: bytes | None) -> bytes:
        text = b"too long" if body is None else b"direct " + body
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)

    def direct(method: str, target: bytes, headers: Headers) -> Reply | None:
        assert method == "POST"
        assert (b"host", b"x") in headers
        return reply if target == path else None

    return direct


async def test_direct_answers_what_it_takes_and_leaves_the_rest() -> None:
    async with serving(echo, direct=direct_for(b"/fast")) as server:
        requests = post("/fast", b"1") + post("/slow", b"2") + post("/fast", b"3")
        first = await exchange(server, post("/fast", b"0"))
        pipelined = await exchange(server, requests, 3)

    assert first == [(200, b"direct 0")]
    assert [status for status, _ in pipelined] == [200] * 3
    assert [body[-1:] for _, body in pipelined] == [b"1", b"2", b"3"]


async def test_direct_takes_bodies_in_any_pieces() -> None:
    async with serving(echo, direct=direct_for(b"/fast")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for byte in post("/fast", b"in pieces"):
            writer.write(bytes([byte]))
            await writer.drain()
        response = await read_response(reader)
        writer.close()
        await writer.wait_closed()

    assert response.body == b"direct in pieces"


async def test_direct_leaves_a_request_that_expects_100_continue() -> None:
    async with serving(echo, direct=direct_for(b"/fast")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = (
            b"POST /fast HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head)
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"ok")
        response = await read_response(reader)
        writer.close()
        await writer.wait_closed()

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert response.body == b"ok"


async def test_direct_keeps_no_more_of_a_body_than_the_limit() -> None:
    async with serving(echo, direct=direct_for(b"/fast")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post("/fast", b"x" * 10_000_000)[:-1])
        await writer.drain()
        await exchange(server, post("/fast", b""))  # a barrier: much of the other was read
        (uploading,) = [
            each
            for each in gc.get_objects()
            if type(each) is HttpProtocol and vars(each).get("_body_length")
        ]
        kept = sum(map(len, vars(uploading)["_body"]))
        length = vars(uploading)["_body_length"]
        writer.write(b"x")
        response = await read_response(reader)
        writer.close()
        await writer.wait_closed()

    assert kept <= MESSAGE_BYTES < length
    assert response.body == b"too long"


async def test_direct_closes_when_the_client_asks_for_it() -> None:
    async with serving(echo, direct=direct_for(b"/fast")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post("/fast", b"last", "Connection: close\r\n"))
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answered.endswith(b"direct last")


async def test_direct_is_not_for_requests_that_the_application_would_refuse(
    gateway: Gateway,
) -> None:
    client, connection_id = await gateway.connected()
    path = f"/dev/@connections/{connection_id}"

    evil = await gateway.request("POST", path, b"x", headers={"Host": "evil.example"})
    friendly = await gateway.request("POST", path, b"hello")

    assert (evil.status, friendly.status) == (403, 200)
    assert await client.recv() == "hello"
    await client.close()
