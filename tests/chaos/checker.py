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
from tests.chaos.sending import Sender
from tests.chaos.service import faulty_service

if TYPE_CHECKING:
    from tests.chaos.backings import Backing
    from tests.e2e.gateway_process import GatewayProcess


async def run(profile: Profile) -> Outcome:
    """Run the profile, and return what it came to."""
    began = time.monotonic()
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
                return await _Run(profile, folder, gateway, backing, way, began).run()


@dataclass
class _Run:
    profile: Profile
    folder: Path
    gateway: GatewayProcess
    backing: Backing
    way: Way
    began: float
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
        await self._break()
        accepted = await self._send(list(clients))
        await self._mend()
        for client in clients.values():
            client.is_restless = False
        await self._rest()
        self.ending.set()
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        audit = Audit(self.backing, accepted, clients)
        violations = audit.violations()
        return Outcome(
            accepted=len(accepted),
            refused=profile.messages - len(accepted),
            counts=dict(audit.counts),
            taken=sum(len(each.taken) for each in clients.values()),
            reconnects=sum(each.reconnects for each in clients.values()),
            cuts=self.way.cuts,
            seconds=time.monotonic() - self.began,
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
        sender = Sender(names, seed=profile.seed)
        numbers = iter(range(profile.messages))
        restarts = {
            round((index + 1) * profile.messages / (profile.restarts + 1))
            for index in range(profile.restarts)
        }

        async def send() -> None:
            async with httpx.AsyncClient(base_url=self.gateway.url, timeout=30) as http:
                for number in numbers:
                    if number in restarts:
                        await asyncio.to_thread(self.backing.restart)
                    await sender.send(number, http)

        await asyncio.gather(*(send() for _ in range(profile.senders)))
        return sender.accepted

    async def _sweep(self) -> None:
        while not self.ending.is_set():
            with contextlib.suppress(httpx.HTTPError):
                await self.gateway.invoke("SweepFunction", {})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), self.profile.sweep_seconds)

    async def _rest(self) -> None:
        """Return when every message is done, or the time is over."""
        deadline = time.monotonic() + self.profile.rest_seconds
        left = await asyncio.to_thread(lambda: list(self.backing.message_ids()))
        while left and time.monotonic() < deadline:
            left = await asyncio.to_thread(self._unfinished, left)
            await asyncio.sleep(0.5)

    def _unfinished(self, message_ids: list[str]) -> list[str]:
        found = ((each, self.backing.messages.get(each, now_ms=0)) for each in message_ids)
        return [each for each, record in found if record and record.state is not MessageState.DONE]
