"""Requests of which two readers could make two different ones: each is one request, or none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from local_gateway.server import HEAD_BYTES, Server

if TYPE_CHECKING:
    from local_gateway.server import Receive, Scope, Send

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Recorder:
    """An application that answers 200, and remembers whom it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})


async def send(request: bytes) -> tuple[bytes, list[str]]:
    """Send bytes, and return all that is answered until the server closes, and what was asked."""
    recorder = Recorder()
    server = Server(recorder, port=0)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answered = await reader.read()
    writer.close()
    await server.stop()
    return answered, recorder.paths


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 54\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 0x0\r\n\r\n",
        b"Content-Length: 0, 54\r\n\r\n",
        b"Content-Length: 99999999999999999999999\r\n\r\n",
        b"Content-Length : 0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        b'Transfer-Encoding: chunked\r\n\r\n1;a="\n"\r\nx\r\n0\r\n\r\n',
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nxXX0\r\n\r\n",
        b"X: a\r\n Content-Length: 0\r\n\r\n",
        b"X: a\rContent-Length: 0\r\n\r\n",
        b"X: a\nContent-Length: 0\r\n\r\n",
        b"X: a\0b\r\n\r\n",
        b": a\r\n\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(
    head: bytes,
) -> None:
    answered, paths = await send(b"POST / HTTP/1.1\r\nHost: x\r\n" + head + HIDDEN)

    assert answered.startswith(b"HTTP/1.1 400 ") or paths == ["/"]
    assert answered.count(b"HTTP/1.1 400 ") == 1
    assert "/hidden" not in paths


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.2",
        b"GET /a b HTTP/1.1",
        b"GET /\xc3\xbc HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"CONNECT example.com:80 HTTP/1.1",
        b" GET / HTTP/1.1",
    ],
)
async def test_a_line_that_is_none_of_http_1_is_refused(line: bytes) -> None:
    answered, paths = await send(line + b"\r\nHost: x\r\n\r\n" + HIDDEN)

    assert answered.startswith(b"HTTP/1.1 400 ")
    assert paths == []


async def test_a_body_of_a_get_is_no_request() -> None:
    answered, paths = await send(
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN)
        + b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    assert answered.count(b"HTTP/1.1 200 ") == 2
    assert paths == ["/", "/next"]


@pytest.mark.parametrize("head", [b"X: " + b"a" * 70_000, b"X: a\r\n" * 12_000])
async def test_a_head_without_end_is_refused(head: bytes) -> None:
    assert len(head) > HEAD_BYTES

    answered, paths = await send(b"GET / HTTP/1.1\r\nHost: x\r\n" + head)

    assert answered.startswith(b"HTTP/1.1 431 ")
    assert paths == []
