"""What a message of QoS 1 costs in requests to the store, path by path.

The table in docs/explanation/what-is-promised.md is this one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudpush import accepting, draining, greeting, inbox, messaging, publishing, submitting
from cloudpush.model import Place, Policy, Publication, Trigger, Welcome
from cloudpush.rights import EVERYBODY
from tests.contract.connection_stores import T0, connection
from tests.contract.kept_stores import mailroom_over
from tests.fakes.limits import NO_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.connection_stores import Harness
    from tests.contract.kept_stores import Kept

PAGE = Path(__file__).parents[2] / "docs/explanation/what-is-promised.md"

OFTEN = {
    "greet a connection": {"redis": 4, "dynamodb": 5},
    "push to one client who is connected": {"redis": 8, "dynamodb": 15},
    "push to ten who are connected": {"redis": 8, "dynamodb": 60},
    "an acknowledgement, as a frame comes in": {"redis": 4, "dynamodb": 8},
    "push to one who is away": {"redis": 5, "dynamodb": 8},
}
SELDOM = {
    "RESUME, as a frame comes in": {"redis": 3, "dynamodb": 4},
    "send one message again": {"redis": 4, "dynamodb": 7},
    "let one message expire": {"redis": 5, "dynamodb": 12},
    "take on one message for later": {"redis": 1, "dynamodb": 1},
    "cancel it": {"redis": 1, "dynamodb": 3},
    "push of QoS 0 to ten who are connected": {"redis": 1, "dynamodb": 1},
}
COSTS = OFTEN | SELDOM
"""Requests. A connection is greeted that this environment meets for the first time; of a frame that
comes in it knows already whose connection that is."""


@pytest.fixture
def kind(harness: Harness) -> str:
    if harness.redis is not None:
        return "redis"
    return "dynamodb" if harness.dynamodb is not None else "memory"


@pytest.fixture
def counted(harness: Harness) -> Callable[[], int]:
    """Return how many requests there were since the last call."""
    count = 0

    def add() -> None:
        nonlocal count
        count += 1

    harness.before_request.append(add)

    def read() -> int:
        nonlocal count
        found, count = count, 0
        return found

    return read


class Service:
    """A mailroom, and alice on connection A, who was greeted; every script was used before."""

    def __init__(self, harness: Harness, kept: Kept) -> None:
        self.now_ms = T0
        self.store = harness.store
        self.inboxes = kept.inboxes
        self.mailroom = mailroom_over(harness, kept)

    def clock(self) -> int:
        return self.now_ms

    def publication(self, message_id: str) -> Publication:
        return Publication(
            message_id=message_id,
            trigger=Trigger.HTTP,
            sender="system",
            msg={},
            accepted_at_ms=self.now_ms,
        )

    async def push(self, message_id: str, *client_ids: str, after_ms: int = 0) -> None:
        message = accepting.new_message(
            self.publication(message_id),
            client_ids,
            ttl_ms=60_000,
            due_at_ms=self.now_ms + after_ms,
        )
        await accepting.accept(message, mailroom=self.mailroom, clock=self.clock)

    async def greet(self, connection_id: str) -> None:
        one = connection(connection_id)
        await greeting.greet(Welcome(connection=one), mailroom=self.mailroom, clock=self.clock)

    async def say(self, text: str) -> None:
        await messaging.receive(
            text,
            connection_id="A",
            message_id="id",
            principal=EVERYBODY,
            stale_after_ms=0,
            limit=NO_LIMIT,
            mailroom=self.mailroom,
            clock=self.clock,
        )

    async def drain(self, client_id: str) -> None:
        await draining.drain([client_id], mailroom=self.mailroom, clock=self.clock)

    def connect(self, connection_id: str, client_id: str = "alice") -> None:
        one = connection(connection_id, client_id=client_id)
        self.store.admit(one, policy=Policy.MULTI, now_ms=self.now_ms)

    def connect_ten(self) -> list[str]:
        names = [f"client-{number}" for number in range(10)]
        for name in names:
            self.connect(name.upper(), name)
            self.store.confirm(name.upper(), now_ms=self.now_ms)
        return names

    @classmethod
    async def begun(cls, harness: Harness, kept: Kept) -> Service:
        service = cls(harness, kept)
        for each in ("B", "A"):
            service.connect(each)
        await service.push("warm", "bob")  # Redis is told every script the first time
        await service.greet("B")
        return service


async def test_what_is_done_often_costs(
    harness: Harness, kept: Kept, kind: str, counted: Callable[[], int]
) -> None:
    service = await Service.begun(harness, kept)
    found: dict[str, int] = {}

    counted()
    await service.greet("A")
    found["greet a connection"] = counted()
    service.store.forget("B", now_ms=T0)
    await service.push("first", "alice")
    inbox.acknowledge("alice", through_seq=1, mailroom=service.mailroom, now_ms=T0)
    counted()
    await service.push("second", "alice")
    found["push to one client who is connected"] = counted()
    await service.say('{"msgType": 2, "seq": 2}')
    found["an acknowledgement, as a frame comes in"] = counted()
    await service.push("third", "bob")
    found["push to one who is away"] = counted()
    ten = service.connect_ten()
    counted()
    await service.push("fourth", *ten)
    found["push to ten who are connected"] = counted()

    assert found == {path: 0 if kind == "memory" else each[kind] for path, each in OFTEN.items()}


async def test_what_is_done_seldom_costs(
    harness: Harness, kept: Kept, kind: str, counted: Callable[[], int]
) -> None:
    service = await Service.begun(harness, kept)
    await service.greet("A")
    service.store.forget("B", now_ms=T0)
    await service.push("first", "alice")
    await service.push("for later", "bob", after_ms=5000)
    submitting.cancel("for later", mailroom=service.mailroom, now_ms=T0)
    await service.push("second", "carol")
    row = service.inboxes.get("alice", now_ms=T0)
    assert row is not None
    found: dict[str, int] = {}

    counted()
    await service.say(f'{{"msgType": 13, "epoch": "{row.epoch}", "seq": 0}}')
    found["RESUME, as a frame comes in"] = counted()
    await service.drain("alice")
    service.now_ms += 3000
    counted()
    await service.drain("alice")
    found["send one message again"] = counted()
    await service.push("third", "bob", after_ms=5000)
    found["take on one message for later"] = counted()
    submitting.cancel("third", mailroom=service.mailroom, now_ms=service.now_ms)
    found["cancel it"] = counted()
    service.now_ms += 60_000
    inbox.expire("bob", mailroom=service.mailroom, now_ms=service.now_ms)
    counted()
    await service.drain("carol")
    found["let one message expire"] = counted()
    ten = service.connect_ten()
    counted()
    await publishing.publish(
        service.publication("fourth"), ten, mailroom=service.mailroom, clock=service.clock
    )
    found["push of QoS 0 to ten who are connected"] = counted()

    assert found == {path: 0 if kind == "memory" else each[kind] for path, each in SELDOM.items()}


def test_the_costs_are_those_of_the_document() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)

    assert {path: {"redis": int(a), "dynamodb": int(b)} for path, a, b in rows} == COSTS


def test_what_comes_beside_costs(kept: Kept, kind: str, counted: Callable[[], int]) -> None:
    def perform_once(key: str) -> None:
        kept.repeats.begin(key, fingerprint="f", message_id="m", now_ms=T0)
        kept.repeats.complete(key, answer="a", now_ms=T0)

    perform_once("warm")
    kept.statistics.add({"warm": 1}, now_ms=T0)

    counted()
    perform_once("key")
    repeats = counted()
    kept.statistics.add({"Publications": 1, "PostsSent": 2}, now_ms=T0)

    assert (repeats, counted()) == ((0, 0) if kind == "memory" else (2, 1))


def test_what_a_page_of_inboxes_costs(kept: Kept, kind: str, counted: Callable[[], int]) -> None:
    counted()

    kept.inboxes.read_shards([Place(shard=each) for each in range(8)], limit=10, now_ms=T0)

    assert counted() == {"memory": 0, "redis": 1, "dynamodb": 8}[kind]


def test_due_shards_share_a_request(kept: Kept, kind: str, counted: Callable[[], int]) -> None:
    places = [Place(shard=shard) for shard in range(16)]

    counted()
    kept.inboxes.read_due(places, due_before_ms=T0)
    inboxes = counted()
    kept.messages.read_due(places, due_before_ms=T0)
    messages = counted()

    each = {"memory": 0, "redis": 1, "dynamodb": 16}[kind]
    assert (inboxes, messages) == (each, each)
