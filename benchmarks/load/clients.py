"""WebSocket clients, many in a process."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType] — its `kwargs` have no type
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    OnText = Callable[["Client", WSFrame], None]

STEP: Final = 50
"""How many handshakes are on their way at once where clients are opened."""

ANSWER_SECONDS: Final = 30.0
"""So long whatever is asked for may take."""

SETTLE_SECONDS: Final = 2.0
"""So long servers get where nothing tells that they are done."""


def now() -> float:
    """Return seconds on the clock that all of this is measured with."""
    return time.perf_counter()


def address_of(url: str) -> tuple[str, int]:
    """Return host and port."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


class Client(WSListener):
    """One WebSocket, its texts as calls of `on_text`."""

    __slots__ = ("is_closed", "on_text", "opened", "transport")

    transport: WSTransport

    def __init__(self, on_text: OnText | None) -> None:
        """Take who wants its texts, from the first one on."""
        self.is_closed = False
        self.on_text = on_text

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hand a text on."""
        if frame.msg_type is WSMsgType.TEXT:
            if self.on_text is not None:
                self.on_text(self, frame)
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note that it is over."""
        del transport
        self.is_closed = True


async def open_clients(urls: Sequence[str], on_text: OnText | None = None) -> list[Client]:
    """Open a client for each URL, `STEP` at once."""
    gate = asyncio.Semaphore(STEP)

    async def open_one(url: str) -> Client:
        async with gate:
            _, client = await ws_connect(
                lambda: Client(on_text),
                url,
                websocket_handshake_timeout=ANSWER_SECONDS,
                read_buffer_init_size=1024,
            )
        assert isinstance(client, Client)
        return client

    return list(await asyncio.gather(*map(open_one, urls)))


def check_open(clients: Sequence[Client]) -> None:
    """Fail if a client was disconnected."""
    closed = sum(client.is_closed for client in clients)
    if closed:
        raise ConnectionError(f"{closed} of {len(clients)} connections were lost")


async def open_named_clients(url: str, count: int) -> list[Client]:
    """Open clients with ids, and wait until each has its CONNECTION: until then it is pending."""
    return await open_greeted_clients(
        [f"{url}?channelId=client-{number}" for number in range(count)]
    )


async def open_greeted_clients(urls: Sequence[str]) -> list[Client]:
    """Open a client for each URL, and wait until each has its CONNECTION."""
    greeted, all_greeted = set[Client](), asyncio.Event()

    def on_text(client: Client, frame: WSFrame) -> None:
        del frame
        greeted.add(client)
        if len(greeted) == len(urls):
            all_greeted.set()

    clients = await open_clients(urls, on_text)
    try:
        await asyncio.wait_for(all_greeted.wait(), ANSWER_SECONDS)
    except TimeoutError:
        raise ConnectionError(f"{len(greeted)} of {len(urls)} clients were greeted") from None
    return clients
