"""Loads of connections: who echoes, who comes and goes, who stays."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import psutil
from picows import WSFrame, WSMsgType

from benchmarks.load.clients import (
    ANSWER_SECONDS,
    SETTLE_SECONDS,
    Client,
    address_of,
    check_open,
    now,
    open_clients,
)
from benchmarks.load.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.load import Connect, Echo, Hold, Measured, Timed


async def echo(load: Echo) -> Measured:
    """Run `Echo`."""
    clients = await open_clients([load.url] * load.clients)
    text = load.text.encode()
    return await exchange(load, clients, text, lambda frame: frame.payload_size == len(text))


async def exchange(
    load: Timed, clients: Sequence[Client], text: bytes, is_answer: Callable[[WSFrame], bool]
) -> Measured:
    """Let each client send a text and, when its answer comes, send it again."""
    sent_at = dict.fromkeys(clients, 0.0)
    window: Window | None = None

    def on_text(client: Client, frame: WSFrame) -> None:
        t = now()
        if not is_answer(frame):
            client.transport.disconnect()  # an error frame; `check_open` fails
            return
        if window is not None:
            window.latencies.append(t - sent_at[client])
        sent_at[client] = now()
        client.transport.send(WSMsgType.TEXT, text)

    for client in clients:
        client.on_text, sent_at[client] = on_text, now()
        client.transport.send(WSMsgType.TEXT, text)
    await asyncio.sleep(load.warmup_seconds)
    window = Window(load.pid)
    await asyncio.sleep(load.seconds)
    measured = window.close()
    check_open(clients)
    return measured


class Handshake(asyncio.Protocol):
    """A handshake, a close frame, its answer: as little as a client can do.

    One that is to be greeted waits for a text before it closes.
    """

    CLOSE = b"\x88\x82\0\0\0\0" + struct.pack("!H", 1000)
    _transport: asyncio.Transport

    def __init__(self, request: bytes, *, is_greeted: bool = False) -> None:
        """Take the handshake's bytes."""
        self._request = request
        self._has_to_wait = is_greeted
        self._received = b""
        self._accepted_at = 0.0
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """When the handshake was answered; set when the connection is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is a class of its own
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Close once accepted and greeted, and end once the close is answered."""
        if self._accepted_at:
            self._take(data)
            return
        self._received += data
        _, end, frames = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        if not self._received.startswith(b"HTTP/1.1 101"):
            self._transport.abort()
            return
        self._accepted_at = now()
        if not self._has_to_wait:
            self._transport.write(self.CLOSE)
        self._take(frames)

    def _take(self, frames: bytes) -> None:
        if self._has_to_wait and frames.startswith(b"\x81"):
            self._has_to_wait = False
            self._transport.write(self.CLOSE)
        elif frames.startswith(b"\x88"):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self.done.done():
            return
        if self._accepted_at and not self._has_to_wait:
            self.done.set_result(self._accepted_at)
        elif self._accepted_at:
            self.done.set_exception(exc or ConnectionError("closed before it was greeted"))
        else:
            answer = self._received.partition(b"\r\n")[0].decode("latin-1")
            self.done.set_exception(exc or ConnectionError(f"answered {answer!r}"))


async def connect(load: Connect) -> Measured:
    """Run `Connect`."""
    return await come_and_go(load, [load.url] * load.workers)


async def come_and_go(load: Timed, urls: Sequence[str], *, is_greeted: bool = False) -> Measured:
    """Let each URL have a worker, who opens a connection, closes it, and opens the next one."""
    loop = asyncio.get_running_loop()
    window: Window | None = None
    is_over = False

    async def work(request: bytes) -> None:
        while not is_over:
            started = now()
            _, handshake = await loop.create_connection(
                lambda: Handshake(request, is_greeted=is_greeted), *address_of(load.url)
            )
            accepted_at = await asyncio.wait_for(handshake.done, ANSWER_SECONDS)
            if window is not None and not is_over:
                window.latencies.append(accepted_at - started)

    async with asyncio.TaskGroup() as workers:
        for url in urls:
            workers.create_task(work(_ask_for(url)))
        await asyncio.sleep(load.warmup_seconds)
        window = Window(load.pid)
        await asyncio.sleep(load.seconds)
        measured = window.close()
        is_over = True
    return measured


def _ask_for(url: str) -> bytes:
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="").geturl()
    return (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


async def hold(load: Hold) -> Measured:
    """Run `Hold`."""
    first = await open_clients([load.url] * load.warmup_clients)
    await asyncio.sleep(SETTLE_SECONDS)
    before = _pss(load)
    clients = await open_clients([load.url] * load.clients)
    await asyncio.sleep(SETTLE_SECONDS)
    grown = _pss(load) - before
    check_open([*first, *clients])
    return {"kib": grown / load.clients / 2**10, "base_mib": before / 2**20}


def _pss(load: Hold) -> int:
    """Return the proportional set size in bytes."""
    server = psutil.Process(load.pid)
    children = server.children(recursive=True) if load.is_family else []
    return sum(process.memory_full_info().pss for process in (server, *children))
