"""What DynamoDB is asked to write: the units that `make simulate` counts with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.capacity import KEPT_READ_UNITS, KEPT_WRITE_UNITS, record_bytes
from benchmarks.standing import CONNECT_WRITE_UNITS, DISCONNECT_WRITE_UNITS
from cloudpush import draining, fanout, greeting, inbox
from cloudpush.model import Place, Policy, Posted, Welcome
from cloudpush.ports import FanOutStep
from tests.contract.connection_stores import T0, connection, moto_dynamodb
from tests.contract.kept_stores import a_message, kept_beside, mailroom_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.model import OperationModel

    from tests.contract.connection_stores import Harness

LEASE_MS = 20_000


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Callable[[], Harness]]:
    with moto_dynamodb() as empty:
        yield empty


@pytest.fixture
def harness(dynamodb: Callable[[], Harness]) -> Harness:
    return dynamodb()


class Units:
    """How many units DynamoDB was asked for: each item is below 1 KB."""

    def __init__(self) -> None:
        self.written = 0
        """Items that were to be written, twice each in transactions."""
        self.read = 0

    def add(self, params: Mapping[str, Any], model: OperationModel, **_: object) -> None:
        body = json.loads(params["body"])
        if model.name == "TransactWriteItems":
            self.written += 2 * len(body["TransactItems"])
        elif model.name in {"PutItem", "UpdateItem", "DeleteItem"}:
            self.written += 1
        elif model.name == "BatchGetItem":
            self.read += sum(len(each["Keys"]) for each in body["RequestItems"].values())
        else:
            self.read += 1

    def take(self) -> tuple[int, int]:
        """Return what was written and read since the last call."""
        found, self.written, self.read = (self.written, self.read), 0, 0
        return found


@pytest.fixture
def units(harness: Harness) -> Iterator[Units]:
    assert harness.dynamodb is not None
    events, found = harness.dynamodb.meta.events, Units()
    events.register("before-call.dynamodb", found.add)
    yield found
    events.unregister("before-call.dynamodb", found.add)


async def test_a_connection_writes_when_it_comes_when_it_beats_and_when_it_goes(
    harness: Harness, units: Units
) -> None:
    mailroom = mailroom_over(harness, kept_beside(harness))
    one = connection("A")

    harness.store.admit(one, policy=Policy.MULTI, now_ms=T0)
    await greeting.greet(Welcome(connection=one), mailroom=mailroom, clock=lambda: T0)
    coming, _ = units.take()
    harness.store.touch("A", now_ms=T0 + 30_000)
    beating, _ = units.take()
    harness.store.forget("A", now_ms=T0 + 30_000)
    going, _ = units.take()

    assert (coming, beating, going) == (CONNECT_WRITE_UNITS, 1, DISCONNECT_WRITE_UNITS)


async def test_each_client_of_a_push_that_is_kept_costs_so_much(
    harness: Harness, units: Units
) -> None:
    mailroom = mailroom_over(harness, kept_beside(harness))
    message = a_message("m" * 32, is_to_all=True)
    names = [f"client{number}" for number in range(4)]
    for each in names:
        one = connection(each.upper(), client_id=each)
        harness.store.admit(one, policy=Policy.MULTI, now_ms=T0)
        await greeting.greet(Welcome(connection=one), mailroom=mailroom, clock=lambda: T0)
    mailroom.messages.create(message, look_at_ms=T0, now_ms=T0)
    units.take()

    inbox.put(message, names, mailroom=mailroom, now_ms=T0)
    await draining.send(names, mailroom=mailroom, clock=lambda: T0)
    for each in names:
        inbox.acknowledge(each, through_seq=1, mailroom=mailroom, now_ms=T0)
    written, read = units.take()

    looked_up = len(names)  # whose connection an acknowledgement comes by
    assert written == KEPT_WRITE_UNITS * len(names)
    assert 0.9 < (read + looked_up) / (KEPT_READ_UNITS * len(names)) <= 1


@pytest.mark.parametrize("workers", [1, fanout.INVOCATIONS])
def test_the_record_of_a_push_is_not_larger_than_that(harness: Harness, workers: int) -> None:
    fan_outs = kept_beside(harness).fan_outs
    message = a_message("m" * 32, is_to_all=True)

    def claim_and_save(owner: str, width: int) -> None:
        places = fan_outs.claim(
            message, owner=owner, limit=width, lease_ms=LEASE_MS, now_ms=T0
        ).places
        held, *released = (Place(shard=each.shard, cursor="L0SM9cOFvHcCIhw=") for each in places)
        step = FanOutStep(held=[held], released=released, posted=Posted(sent=10_000_000))
        fan_outs.save(message.message_id, owner=owner, step=step, lease_ms=LEASE_MS, now_ms=T0)

    # As much as there may be: nobody is asked to help before the first two gave their shards away.
    for number in range(fanout.SIDE_BY_SIDE * workers):
        is_first = number < fanout.SIDE_BY_SIDE
        claim_and_save(f"{number:032x}", fanout.SHARDS_AT_ONCE if is_first else 1)

    assert harness.dynamodb is not None
    key = {"pk": {"S": f"message#{message.message_id}"}, "sk": {"S": "fan-out"}}
    answer = harness.dynamodb.get_item(TableName=harness.table_name, Key=key)
    item = answer.get("Item", {})
    assert record_bytes(workers) / 2 < size_of({"M": item}) <= record_bytes(workers)


def size_of(value: Mapping[str, Any]) -> int:
    """Return the bytes of a value (Amazon DynamoDB Developer Guide, «item sizes and formats»)."""
    [(kind, content)] = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name) + size_of(each) for name, each in content.items())
    if kind == "SS":
        return sum(map(len, content))
    return len(content) // 2 + 2 if kind == "N" else len(content)
