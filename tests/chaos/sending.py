"""Senders: what they push, and what they were told of it."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random  # noqa: TID251 — seeded by the caller
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIES = 4
NOBODY = "no such id"
"""No client can have it."""


class Sender:
    """Pushes numbered messages; which and to whom follows from the seed and the number."""

    def __init__(self, names: Sequence[str], *, seed: int) -> None:
        """Take whom there is to push to."""
        self.accepted: set[int] = set()
        self._names = names
        self._seed = seed

    async def send(self, number: int, http: httpx.AsyncClient) -> None:
        """Push one message, by the one API or the other."""
        chance = Random(f"{self._seed} message {number}")
        to = chance.sample(self._names, chance.choice([1, 1, 1, 2, 5]))
        if chance.random() < 0.02:
            to.append(NOBODY)
        if chance.random() < 0.7:
            body = {"to": to, "msg": {"n": number}, "qos": 1}
            await self._post(number, http, "/message/send", body, {})
            return
        body = {"target": {"clients": to}, "msg": {"n": number}, "qos": 1}
        match chance.choice(["now", "now", "later", "short"]):
            case "later":
                body["delaySeconds"] = chance.choice([1, 2, 3])
            case "short":
                body["ttlSeconds"] = chance.choice([1, 5])
            case _:
                pass
        headers = {"Idempotency-Key": f"{self._seed}-{number}"}
        for _ in range(TRIES):
            if await self._post(number, http, "/v1/messages", body, headers):
                return
            await asyncio.sleep(chance.uniform(0.05, 0.2))

    async def _post(
        self,
        number: int,
        http: httpx.AsyncClient,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str],
    ) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            answer = await http.post(path, json=body, headers=headers)
            if answer.is_success:
                self.accepted.add(number)
                return True
            assert answer.status_code >= 409, answer.text  # else the sender is wrong, not the store
        return False
