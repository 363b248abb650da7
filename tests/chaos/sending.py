"""Senders: what they push, by which way in, and what they were told of it.

Numbers are handed out in strides. A stride goes in by one way: message by message over HTTP, all in
one request, or over a WebSocket as one client pushes to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from random import Random  # noqa: TID251 — seeded by the caller
from typing import TYPE_CHECKING, Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIES = 4
NOBODY = "no such id"
"""No client can have it."""

UNANSWERED = 8
"""So many pushes of one connection may wait for their answer."""

ANSWER_SECONDS = 15.0
"""After that a push over a connection counts as not answered, unless its answer comes late."""

PAUSE_SECONDS = 0.1
"""Before a connection is tried again."""

WAYS = ("socket", "socket", "socket", "socket", "batch", "alone")
"""How often a stride takes which way in."""


class Sender:
    """Pushes numbered messages; which and to whom follows from the seed and the number."""

    def __init__(
        self, names: Sequence[str], *, seed: int, lists: Sequence[int], wide: float
    ) -> None:
        """Take whom there is to push to, to how many at once, and how likely to most of them."""
        self.accepted: set[int] = set()
        """The numbers that their senders were told are accepted."""
        self._names = names
        self._seed = seed
        self._lists = lists
        self._wide = wide

    async def send(self, numbers: range, http: httpx.AsyncClient, socket: Publisher) -> None:
        """Push a stride of messages."""
        way = Random(f"{self._seed} stride {numbers.start}").choice(WAYS)
        if len(numbers) == 1 or way == "alone":
            for number in numbers:
                await self._send_alone(number, http)
        elif way == "batch":
            await self._send_batch(numbers, http)
        else:
            await socket.send({number: self._targets(number) for number in numbers})

    def _targets(self, number: int) -> list[str]:
        chance = Random(f"{self._seed} message {number}")
        if chance.random() < self._wide:
            return chance.sample(self._names, len(self._names) * 3 // 4)
        to = chance.sample(self._names, chance.choice(self._lists))
        if chance.random() < 0.02:
            to.append(NOBODY)
        return to

    def _body(self, number: int) -> dict[str, Any]:
        chance = Random(f"{self._seed} times {number}")
        to = self._targets(number)
        body: dict[str, Any] = {"target": {"clients": to}, "msg": {"n": number}, "qos": 1}
        match chance.choice(["now", "now", "later", "short"]):
            case "later":
                body["delaySeconds"] = chance.choice([1, 2, 3])
            case "short":
                body["ttlSeconds"] = chance.choice([1, 5])
            case _:
                pass
        return body

    async def _send_alone(self, number: int, http: httpx.AsyncClient) -> None:
        """Push one message, by the one API or the other."""
        chance = Random(f"{self._seed} alone {number}")
        if chance.random() < 0.7:
            body = {"to": self._targets(number), "msg": {"n": number}, "qos": 1}
            if await self._post("/message/send", body, {}, http) is not None:
                self.accepted.add(number)
            return
        for _ in range(TRIES):
            key = {"Idempotency-Key": f"{self._seed}-{number}"}
            if await self._post("/v1/messages", self._body(number), key, http) is not None:
                self.accepted.add(number)
                return
            await asyncio.sleep(chance.uniform(0.05, 0.2))

    async def _send_batch(self, numbers: range, http: httpx.AsyncClient) -> None:
        """Push a stride at once; each of its messages is accepted or not by itself."""
        chance = Random(f"{self._seed} batch {numbers.start}")
        body = {"messages": [self._body(each) for each in numbers]}
        key = {"Idempotency-Key": f"{self._seed}-batch-{numbers.start}"}
        for _ in range(TRIES):
            answer = await self._post("/v1/messages:batch", body, key, http)
            if answer is not None:
                results = answer.json()["results"]
                taken = zip(numbers, results, strict=True)
                self.accepted.update(each for each, result in taken if result["status"] == 202)
                return
            await asyncio.sleep(chance.uniform(0.05, 0.2))

    async def _post(
        self, path: str, body: dict[str, Any], headers: dict[str, str], http: httpx.AsyncClient
    ) -> httpx.Response | None:
        with contextlib.suppress(httpx.HTTPError):
            answer = await http.post(path, json=body, headers=headers)
            if answer.is_success:
                return answer
            assert answer.status_code >= 409, answer.text  # else the sender is wrong, not the store
        return None


class Publisher:
    """A client that pushes to others, and connects anew when it has lost its connection."""

    def __init__(self, name: str, url: str, accepted: set[int]) -> None:
        """Take its client id, where it connects, and what it adds accepted numbers to."""
        self._url = f"{url}?channelId={name}"
        self._accepted = accepted
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, asyncio.Event] = {}
        self._reading: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()

    async def send(self, targets: dict[int, list[str]]) -> None:
        """Push these messages; one that gets no answer was perhaps accepted."""
        room = asyncio.Semaphore(UNANSWERED)

        async def push(number: int, to: list[str]) -> None:
            async with room:
                await self._push(number, to)

        await asyncio.gather(*(push(number, to) for number, to in targets.items()))

    async def close(self) -> None:
        """End its connection."""
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await self._reading

    async def _push(self, number: int, to: list[str]) -> None:
        name = str(number)
        envelope = {"msgType": 1, "messageId": name, "to": to, "msg": {"n": number}, "qos": 1}
        answered = self._waiting[name] = asyncio.Event()
        with contextlib.suppress(OSError, WebSocketException, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                socket = await self._connected()
                await socket.send(json.dumps(envelope))
                await answered.wait()

    async def _connected(self) -> ClientConnection:
        while True:
            if self._reading is None or self._reading.done():
                self._opened = asyncio.Event()
                self._reading = asyncio.create_task(self._read(self._opened))
            await self._opened.wait()
            if self._socket is not None:
                return self._socket
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, opened: asyncio.Event) -> None:
        try:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with connect(self._url, ping_interval=None) as self._socket:
                    opened.set()
                    async for text in self._socket:
                        answer = json.loads(text)
                        if answer.get("code") == "not_connected":
                            return
                        self._heed(answer)
        finally:
            self._socket = None
            opened.set()

    def _heed(self, answer: dict[str, Any]) -> None:
        waiting = self._waiting.get(str(answer.get("messageId")))
        if waiting is not None:
            if answer.get("msgType") == 2:
                self._accepted.add(int(answer["messageId"]))
            waiting.set()
