"""The checker: the real process under faults, and then the promise, message by message.

`local-gateway` runs a copy of template.yaml and makes its own faults; functions die in the middle
of a call; the way to the store breaks, and Valkey is killed and started again. Clients lose their
connections and come back; senders push. At the end the faults stop, everybody connects, and every
record in the store is held against what the clients saw (`promise`).

Every decision is drawn from the seed: the same seed meets the same faults in each part. How the
operating system interleaves the processes is not in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251 — seeded by the caller
from typing import TYPE_CHECKING

import httpx

from cloudpush.model import MessageState
from tests.chaos.backings import running_backing
from tests.chaos.clients import LiveClient
from tests.chaos.cutting import Way, breaking_way
from tests.chaos.profile import Outcome, Profile
from tests.chaos.promise import Audit
from tests.chaos.sending import Publisher, Sender
from tests.chaos.service import faulty_service

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from tests.chaos.backings import Backing
    from tests.e2e.gateway_process import GatewayProcess

LOOK_SECONDS = 0.2
"""How long a look at a message that is not done waits for the next."""


async def run(profile: Profile) -> Outcome:
    """Run the profile, and return what it came to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_backing(profile.store, folder) as backing:
            chance = Random(f"{profile.seed} way")
            async with (
                breaking_way(chance, cuts=profile.cuts) as way,
                faulty_service(
                    profile, folder, store=backing.store, variables=backing.variables(way.port)
                ) as gateway,
            ):
                way.target = backing.meet(gateway)
                return await _Run(profile, folder, gateway, backing, way).run()


@dataclass
class _Run:
    profile: Profile
    folder: Path
    gateway: GatewayProcess
    backing: Backing
    way: Way
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    restarts: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Outcome:
        profile = self.profile
        clients = {
            name: LiveClient(name) for name in (f"client-{n}" for n in range(profile.clients))
        }
        lives = [
            asyncio.create_task(
                each.live(self.gateway.websocket_url, Random(f"{profile.seed} {name}"), self.ending)
            )
            for name, each in clients.items()
        ]
        lives.append(asyncio.create_task(self._sweep()))
        with self._timed("sending"):
            await self._break()
            accepted = await self._send(list(clients))
        with self._timed("coming to rest"):
            await self._mend()
            for client in clients.values():
                client.is_restless = False
            await asyncio.to_thread(self._rest)
        self.ending.set()
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        with self._timed("looking"):
            audit = Audit(self.backing, accepted, clients)
            violations = audit.violations()
        return Outcome(
            messages=len(accepted),
            refused=profile.messages - len(accepted),
            copies=dict(audit.counts),
            taken=sum(len(each.taken) for each in clients.values()),
            connects=sum(each.connects for each in clients.values()),
            faults={**await self._count_faults(), **_count_unrest(clients.values())},
            seconds=self.seconds,
            violations=violations,
        )

    async def _break(self) -> None:
        (self.folder / "faults").touch()
        self.way.is_faulty = True
        answer = await self.gateway.http.post("/_gateway/faults", json=self.profile.faults)
        assert answer.status_code == 200, answer.text

    async def _mend(self) -> None:
        (self.folder / "faults").unlink()
        self.way.is_faulty = False
        answer = await self.gateway.http.delete("/_gateway/faults")
        assert answer.is_success, answer.text

    async def _send(self, names: list[str]) -> set[int]:
        profile = self.profile
        sender = Sender(names, seed=profile.seed, lists=profile.lists, wide=profile.wide)
        everything = range(profile.messages)
        strides = iter(
            [everything[at : at + profile.stride] for at in everything[:: profile.stride]]
        )
        restarts = {
            round((index + 1) * profile.messages / (profile.restarts + 1))
            for index in range(profile.restarts)
        }

        async def send(name: str) -> None:
            socket = Publisher(name, self.gateway.websocket_url, sender.accepted)
            async with httpx.AsyncClient(base_url=self.gateway.url, timeout=30) as http:
                for numbers in strides:
                    for _ in restarts.intersection(numbers):
                        was_killed = await asyncio.to_thread(self.backing.restart)
                        self.restarts += was_killed
                    await sender.send(numbers, http, socket)
            await socket.close()

        await asyncio.gather(*(send(f"publisher-{n}") for n in range(profile.senders)))
        return sender.accepted

    async def _sweep(self) -> None:
        while not self.ending.is_set():
            with contextlib.suppress(httpx.HTTPError):
                await self.gateway.invoke("SweepFunction", {})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), self.profile.sweep_seconds)

    def _rest(self) -> None:
        """Return when every message is done, or when nothing has come to its end for long."""
        for message_id in self.backing.message_ids():
            deadline = time.monotonic() + self.profile.rest_seconds
            while not self._is_done(message_id):
                if time.monotonic() > deadline:
                    return
                time.sleep(LOOK_SECONDS)

    def _is_done(self, message_id: str) -> bool:
        record = self.backing.messages.get(message_id, now_ms=0)
        return record is None or record.state is MessageState.DONE

    async def _count_faults(self) -> dict[str, int]:
        answer = await self.gateway.http.get("/_gateway/faults")
        told = answer.json()["faults"]
        deaths = self.folder / "deaths"
        return {
            **{name: told[name]["times"] for name in self.profile.faults},
            "a function died in a call": deaths.stat().st_size if deaths.exists() else 0,
            "a connection to the store broke": self.way.cuts,
            **({"the store was killed": self.restarts} if self.profile.restarts else {}),
        }

    @contextlib.contextmanager
    def _timed(self, part: str) -> Generator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = round(time.monotonic() - began, 1)


def _count_unrest(clients: Collection[LiveClient]) -> dict[str, int]:
    return {
        "a client let its connection go": sum(each.drops for each in clients),
        "a client forgot to acknowledge": sum(each.silences for each in clients),
    }
