"""Clients with real sockets, which they lose now and then."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.fakes.world import Client

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 — seeded by the caller

BEAT_SECONDS = 10.0

OPEN_SECONDS = 60.0
"""How long a handshake may take. Who gives up sooner and tries again only adds to what makes it
slow."""

MOST_PATIENCE_SECONDS = 8.0
"""A client whose handshakes fail waits twice as long after each, and at most so long."""


class LiveClient(Client):
    """A client that keeps `seq` and comes back whenever its connection is lost."""

    connects = 0
    drops = 0
    """How often it let its connection go, without a word half of the time."""
    silences = 0
    """How often it forgot to acknowledge."""
    is_restless = True
    """Whether it lets connections go, and acknowledges only most of what it gets."""

    async def live(self, url: str, chance: Random, ending: asyncio.Event) -> None:
        """Connect, read and acknowledge; come back when the connection is lost."""
        patience = 0.5
        while not ending.is_set():
            patience = min(2 * patience, MOST_PATIENCE_SECONDS)
            query: dict[str, object] = {"channelId": self.client_id, "batch": chance.choice([0, 1])}
            if self.epoch:
                query |= {"epoch": self.epoch, "seq": self.seq}
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with connect(
                    f"{url}?{urlencode(query)}", ping_interval=None, open_timeout=OPEN_SECONDS
                ) as socket:
                    self.connects += 1
                    patience = 0.5
                    beating = asyncio.create_task(self._beat(socket))
                    try:
                        await self._read(socket, chance)
                    finally:
                        beating.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), chance.uniform(0.05, patience))

    async def _beat(self, socket: Any) -> None:  # noqa: ANN401 — a websocket
        """Say that we are here. A service that was told 410 answers that it has given us up."""
        with contextlib.suppress(WebSocketException):
            while True:
                await socket.send('{"msgType":3}')
                await asyncio.sleep(BEAT_SECONDS)

    async def _read(self, socket: Any, chance: Random) -> None:  # noqa: ANN401 — a websocket
        async for text in socket:
            found: Any = json.loads(text)
            envelopes = cast("list[dict[str, Any]]", found if isinstance(found, list) else [found])
            for envelope in envelopes:
                self.take(envelope)
            if any(each.get("code") == "not_connected" for each in envelopes):
                return
            if any(each.get("qos") for each in envelopes):
                await self._acknowledge(socket, chance, envelopes)
            if self.is_restless and chance.random() < 0.03:
                self.drops += 1
                if chance.random() < 0.5:
                    socket.transport.abort()
                return

    async def _acknowledge(
        self,
        socket: Any,  # noqa: ANN401 — a websocket
        chance: Random,
        envelopes: list[dict[str, Any]],
    ) -> None:
        """Say how far we are, or that we have this one; a restless client forgets it at times."""
        drawn = chance.random() if self.is_restless else 1.0
        last = envelopes[-1]
        if drawn < 0.05:
            self.silences += 1
            return
        if drawn < 0.15 and (self.epoch, self.seq) == (last["epoch"], last["seq"]):
            await socket.send(json.dumps({"msgType": 2, "messageId": last["messageId"]}))
            return
        await socket.send(json.dumps({"msgType": 2, "seq": self.seq, "epoch": self.epoch}))
