"""What a message of QoS 1 costs in requests to the store, path by path.

The table in docs/explanation/what-is-promised.md is this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush import accepting, greeting, inbox
from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import Policy, Publication, Trigger, Welcome
from tests.contract.connection_stores import T0, connection
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.management import RecordingManagementApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.connection_stores import Harness
    from tests.contract.kept_stores import Kept

COSTS = {
    "connect": {"redis": 4, "dynamodb": 4},
    "push": {"redis": 8, "dynamodb": 15},
    "push to ten": {"redis": 8, "dynamodb": 60},
    "acknowledge": {"redis": 3, "dynamodb": 7},
    "push to one who is away": {"redis": 5, "dynamodb": 8},
}
"""Requests: `connect` is what greets a connection; `push` is to one client who is connected, or
to ten."""


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

    one = connection("A")
    harness.store.admit(one, policy=Policy.MULTI, now_ms=T0)
    # Once each before it counts: Redis is told every script the first time.
    await push("warm", "bob")
    counted()
    found: dict[str, int] = {}
    await greeting.greet(Welcome(connection=one), mailroom=mailroom, clock=lambda: T0)
    counted()
    await greeting.greet(Welcome(connection=one), mailroom=mailroom, clock=lambda: T0)
    found["connect"] = counted()
    await push("first", "alice")
    inbox.acknowledge("alice", through_seq=1, mailroom=mailroom, now_ms=T0)
    counted()
    await push("second", "alice")
    found["push"] = counted()
    inbox.acknowledge("alice", through_seq=2, mailroom=mailroom, now_ms=T0)
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
