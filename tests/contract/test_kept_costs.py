"""What a message of QoS 1 costs in requests to the store, path by path.

The table in docs/explanation/what-is-promised.md is this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush import accepting, greeting, inbox, messaging
from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import Place, Policy, Publication, Trigger, Welcome
from cloudpush.rights import EVERYBODY
from tests.contract.connection_stores import T0, connection
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.limits import NO_LIMIT
from tests.fakes.management import RecordingManagementApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.connection_stores import Harness
    from tests.contract.kept_stores import Kept

COSTS = {
    "connect": {"redis": 4, "dynamodb": 5},
    "push": {"redis": 8, "dynamodb": 15},
    "push to ten": {"redis": 8, "dynamodb": 60},
    "acknowledge": {"redis": 4, "dynamodb": 8},
    "push to one who is away": {"redis": 5, "dynamodb": 8},
}
"""Requests: `connect` is what greets a connection that this environment meets for the first time;
`push` is to one client who is connected, or to ten; `acknowledge` is a client's text, where the
environment knows already whose connection it came by."""


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


async def test_what_each_path_costs(
    harness: Harness, kept: Kept, kind: str, counted: Callable[[], int]
) -> None:
    mailroom = Mailroom(
        outlet=Outlet(
            store=harness.store, jobs=RecordingJobQueue(), gateway=RecordingManagementApi()
        ),
        inboxes=kept.inboxes,
        messages=kept.messages,
        fan_outs=kept.fan_outs,
        expansions=RecordingJobQueue(),
        new_id=lambda: "id",
    )

    async def push(message_id: str, *client_ids: str) -> None:
        publication = Publication(
            message_id=message_id,
            trigger=Trigger.HTTP,
            sender="system",
            msg={},
            accepted_at_ms=T0,
        )
        await accepting.accept(
            accepting.new_message(publication, client_ids), mailroom=mailroom, clock=lambda: T0
        )

    async def acknowledge(seq: int) -> None:
        await messaging.receive(
            f'{{"msgType": 2, "seq": {seq}}}',
            connection_id="A",
            message_id="id",
            principal=EVERYBODY,
            stale_after_ms=0,
            limit=NO_LIMIT,
            mailroom=mailroom,
            clock=lambda: T0,
        )

    other, one = connection("B"), connection("A")
    for each in (other, one):
        harness.store.admit(each, policy=Policy.MULTI, now_ms=T0)
    # Once each before it counts: Redis is told every script the first time.
    await push("warm", "bob")
    counted()
    found: dict[str, int] = {}
    await greeting.greet(Welcome(connection=other), mailroom=mailroom, clock=lambda: T0)
    counted()
    await greeting.greet(Welcome(connection=one), mailroom=mailroom, clock=lambda: T0)
    found["connect"] = counted()
    harness.store.forget("B", now_ms=T0)
    await push("first", "alice")
    inbox.acknowledge("alice", through_seq=1, mailroom=mailroom, now_ms=T0)
    counted()
    await push("second", "alice")
    found["push"] = counted()
    await acknowledge(2)
    found["acknowledge"] = counted()
    await push("third", "bob")
    found["push to one who is away"] = counted()
    ten = [f"client-{number}" for number in range(10)]
    for each in ten:
        harness.store.admit(
            connection(each.upper(), client_id=each), policy=Policy.MULTI, now_ms=T0
        )
        harness.store.confirm(each.upper(), now_ms=T0)
    counted()
    await push("fourth", *ten)
    found["push to ten"] = counted()

    if kind == "memory":
        assert set(found.values()) == {0}
    else:
        assert found == {path: costs[kind] for path, costs in COSTS.items()}


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
