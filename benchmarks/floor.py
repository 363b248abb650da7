"""The floor: a bare uvicorn on `websockets-sansio` that echoes texts, as the gateway could at best.

python -m benchmarks.floor PORT
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]


async def echo(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Accept a connection and send every text back (ASGI)."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


class Server(uvicorn.Server):
    """Says `ready` once it listens, as the gateway does."""

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 — uvicorn's own signature
        """Start, then say so."""
        await super().startup(sockets)
        print("ready", flush=True)


def main() -> None:
    """Serve until a signal."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    config = uvicorn.Config(
        echo,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        ws="websockets-sansio",
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=2048,
    )
    Server(config).run()


if __name__ == "__main__":
    main()
