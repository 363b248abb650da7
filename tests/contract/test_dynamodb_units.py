"""What DynamoDB is asked to write: the units that `make simulate` counts with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.capacity import record_bytes
from benchmarks.standing import CONNECT_WRITE_UNITS, DISCONNECT_WRITE_UNITS
from cloudpush import fanout, greeting
from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import Place, Policy, Posted, Welcome
from cloudpush.ports import FanOutStep
from tests.contract.connection_stores import T0, connection, moto_dynamodb
from tests.contract.kept_stores import a_message, kept_beside
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.management import RecordingManagementApi

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


@pytest.fixture
def written(harness: Harness) -> Callable[[], int]:
    """Return how many items were to be written since the last call, twice each in transactions.

    So many units it takes: each of them is below 1 KB.
    """
    count = 0

    def add(params: Mapping[str, Any], model: OperationModel, **_: object) -> None:
        nonlocal count
        if model.name == "TransactWriteItems":
            count += 2 * len(json.loads(params["body"])["TransactItems"])
        elif model.name in {"PutItem", "UpdateItem", "DeleteItem"}:
            count += 1

    def read() -> int:
        nonlocal count
        found, count = count, 0
        return found

    assert harness.dynamodb is not None
    harness.dynamodb.meta.events.register("before-call.dynamodb", add)
    return read


async def test_a_connection_writes_when_it_comes_when_it_beats_and_when_it_goes(
    harness: Harness, written: Callable[[], int]
) -> None:
    kept = kept_beside(harness)
    mailroom = Mailroom(
        outlet=Outlet(
            store=harness.store, jobs=RecordingJobQueue(), gateway=RecordingManagementApi()
        ),
        inboxes=kept.inboxes,
        messages=kept.messages,
        fan_outs=kept.fan_outs,
        fan_out_jobs=RecordingJobQueue(),
        new_id=lambda: "id",
    )
    one = connection("A")

    harness.store.admit(one, policy=Policy.MULTI, now_ms=T0)
    await greeting.greet(Welcome(connection=one), mailroom=mailroom, clock=lambda: T0)
    coming = written()
    harness.store.touch("A", now_ms=T0 + 30_000)
    beating = written()
    harness.store.forget("A", now_ms=T0 + 30_000)
    going = written()

    assert (coming, beating, going) == (CONNECT_WRITE_UNITS, 1, DISCONNECT_WRITE_UNITS)


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
