"""The implementations of the stores of QoS 1, each new and empty."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import Message, Publication, Receipt, Receipts, ReceiptState, Trigger
from cloudpush.stores.dynamodb_access import DynamoDbAccessStore
from cloudpush.stores.dynamodb_budgets import DynamoDbBudgetStore
from cloudpush.stores.dynamodb_fan_outs import DynamoDbFanOutStore
from cloudpush.stores.dynamodb_inbox import DynamoDbInboxStore
from cloudpush.stores.dynamodb_messages import DynamoDbMessageStore
from cloudpush.stores.dynamodb_rates import DynamoDbRateStore
from cloudpush.stores.dynamodb_repeats import DynamoDbIdempotencyStore
from cloudpush.stores.dynamodb_statistics import DynamoDbStatisticsStore
from cloudpush.stores.memory_access import MemoryAccessStore
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from cloudpush.stores.memory_fan_outs import MemoryFanOutStore
from cloudpush.stores.memory_inbox import MemoryInboxStore
from cloudpush.stores.memory_messages import (
    MemoryIdempotencyStore,
    MemoryMessageStore,
    MemoryStatisticsStore,
)
from cloudpush.stores.memory_rates import MemoryRateStore
from cloudpush.stores.redis_access import RedisAccessStore
from cloudpush.stores.redis_budgets import RedisBudgetStore
from cloudpush.stores.redis_fan_outs import RedisFanOutStore
from cloudpush.stores.redis_inbox import RedisInboxStore
from cloudpush.stores.redis_messages import RedisMessageStore
from cloudpush.stores.redis_rates import RedisRateStore
from cloudpush.stores.redis_repeats import RedisIdempotencyStore
from cloudpush.stores.redis_statistics import RedisStatisticsStore
from tests.contract.connection_stores import T0
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.management import RecordingManagementApi

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.access import AccessStore
    from cloudpush.limiting import RateStore
    from cloudpush.ports import (
        BudgetStore,
        FanOutStore,
        IdempotencyStore,
        InboxStore,
        MessageStore,
        StatisticsStore,
    )
    from cloudpush.stores.redis_client import Client
    from tests.contract.connection_stores import Harness

HOUR_MS = 60 * 60 * 1000


@dataclass
class Kept:
    """The stores of one deployment."""

    inboxes: InboxStore
    messages: MessageStore
    fan_outs: FanOutStore
    budgets: BudgetStore
    repeats: IdempotencyStore
    statistics: StatisticsStore
    access: AccessStore
    rates: RateStore


def kept_in_memory() -> Kept:
    return Kept(
        MemoryInboxStore(),
        MemoryMessageStore(),
        MemoryFanOutStore(),
        MemoryBudgetStore(),
        MemoryIdempotencyStore(),
        MemoryStatisticsStore(),
        MemoryAccessStore(),
        MemoryRateStore(),
    )


def kept_in_redis(harness: Harness) -> Kept:
    client = cast("Client", cast("Any", harness.store)._client)
    return Kept(
        RedisInboxStore(client),
        RedisMessageStore(client),
        RedisFanOutStore(client),
        RedisBudgetStore(client),
        RedisIdempotencyStore(client),
        RedisStatisticsStore(client),
        RedisAccessStore(client),
        RedisRateStore(client),
    )


class OneAtATime:
    """A client whose calls come one after the other, as DynamoDB takes the writes of one item.

    moto does not: two conditional writes at once may both find their condition true.
    """

    def __init__(self, client: object) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — botocore makes its methods at run time
        call = getattr(self._client, name)

        def call_alone(**arguments: object) -> object:
            with self._lock:
                return call(**arguments)

        return call_alone


def kept_in_dynamodb(harness: Harness) -> Kept:
    assert harness.dynamodb is not None
    alone = cast("DynamoDBClient", OneAtATime(harness.dynamodb))
    client, name, sleep = harness.dynamodb, harness.table_name, harness.slept.append
    return Kept(
        DynamoDbInboxStore(client, name, sleep=sleep),
        DynamoDbMessageStore(client, name, sleep=sleep),
        DynamoDbFanOutStore(client, name, sleep=sleep),
        DynamoDbBudgetStore(client, name, sleep=sleep),
        DynamoDbIdempotencyStore(client, name, sleep=sleep),
        DynamoDbStatisticsStore(client, name, sleep=sleep),
        DynamoDbAccessStore(alone, name, sleep=sleep),
        DynamoDbRateStore(alone, name, sleep=sleep),
    )


def kept_beside(harness: Harness) -> Kept:
    """Return the stores of QoS 1 that go with a connection store, on the same empty server."""
    if harness.redis is not None:
        return kept_in_redis(harness)
    if harness.dynamodb is not None:
        return kept_in_dynamodb(harness)
    return kept_in_memory()


def mailroom_over(harness: Harness, kept: Kept) -> Mailroom:
    """Return a mailroom over these stores, whose queues and gateway note what they are given."""
    return Mailroom(
        outlet=Outlet(
            store=harness.store, jobs=RecordingJobQueue(), gateway=RecordingManagementApi()
        ),
        inboxes=kept.inboxes,
        messages=kept.messages,
        fan_outs=kept.fan_outs,
        fan_out_jobs=RecordingJobQueue(),
        new_id=lambda: "id",
    )


def a_publication(
    message_id: str = "m1", msg: dict[str, Any] | None = None, *, accepted_at_ms: int = T0
) -> Publication:
    return Publication(
        message_id=message_id,
        trigger=Trigger.HTTP,
        sender="system",
        msg=msg or {"k": "v"},
        accepted_at_ms=accepted_at_ms,
    )


def a_message(
    message_id: str = "m1",
    clients: list[str] | None = None,
    *,
    is_to_all: bool = False,
    qos: int = 1,
    receipts: Receipts = Receipts.ALL,
    accepted_at_ms: int = T0,
    due_at_ms: int = T0,
    expires_at_ms: int = T0 + HOUR_MS,
) -> Message:
    return Message(
        publication=a_publication(message_id, accepted_at_ms=accepted_at_ms),
        clients=None if is_to_all else (clients or ["alice"]),
        qos=qos,
        receipts=receipts,
        due_at_ms=due_at_ms,
        expires_at_ms=expires_at_ms,
    )


def a_receipt(
    state: ReceiptState,
    client_id: str = "alice",
    message_id: str = "m1",
    *,
    at_ms: int = T0,
    sent_at_ms: int | None = None,
) -> Receipt:
    return Receipt(
        message_id=message_id,
        client_id=client_id,
        state=state,
        at_ms=at_ms,
        sent_at_ms=sent_at_ms,
    )
