"""What only the DynamoDB store has to keep: TTLs, bounded retries, errors that are ours."""

from __future__ import annotations

import threading
import zlib
from string import Formatter
from typing import TYPE_CHECKING, Any, cast

import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from cloudpush.errors import ConfigurationWrong, ServiceError, StoreUnavailable
from cloudpush.model import TOMBSTONE_LIFETIME_MS, Place, Policy
from cloudpush.stores.dynamodb import DynamoDbConnectionStore
from cloudpush.stores.dynamodb_errors import MAPPED_CODES, ConditionFailed, translated_errors
from cloudpush.stores.dynamodb_items import TTL_SLACK_SECONDS, shard_partition
from cloudpush.stores.dynamodb_table import (
    ATTEMPTS,
    SIDE_BY_SIDE,
    pauses,
)
from tests.contract.connection_stores import T0, connection, dynamodb_client, moto_dynamodb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.ports import ConnectionStore
    from tests.contract.connection_stores import Harness

A, B = connection("A"), connection("B", at_ms=T0 + 1)

METHODS: dict[str, Callable[[ConnectionStore], object]] = {
    "admit": lambda store: store.admit(A, policy=Policy.SINGLE, now_ms=T0),
    "get": lambda store: store.get("A", now_ms=T0),
    "touch": lambda store: store.touch("A", now_ms=T0),
    "confirm": lambda store: store.confirm("A", now_ms=T0),
    "forget": lambda store: store.forget("A", now_ms=T0),
    "forget_unseen": lambda store: store.forget_unseen("A", seen_before_ms=T0, now_ms=T0),
    "resolve": lambda store: store.resolve(["alice"], now_ms=T0),
    "read_shard": lambda store: store.read_shard(0, now_ms=T0),
    "read_shards": lambda store: store.read_shards([Place(shard=0)], limit=1, now_ms=T0),
    "read_stale": lambda store: store.read_stale([Place(shard=0)], seen_before_ms=T0, now_ms=T0),
    "ping": lambda store: store.ping(),
}
FIRST_CALL = {
    "admit": "batch_get_item",
    "get": "get_item",
    "touch": "update_item",
    "confirm": "get_item",
    "forget": "get_item",
    "forget_unseen": "get_item",
    "resolve": "batch_get_item",
    "read_shard": "query",
    "read_shards": "query",
    "read_stale": "query",
    "ping": "get_item",
}
CALLS = {
    "BatchGetItem",
    "GetItem",
    "PutItem",
    "Query",
    "TransactWriteItems",
    "UpdateItem",
}


@pytest.fixture(scope="module")
def moto() -> Iterator[Callable[[], Harness]]:
    with moto_dynamodb() as empty:
        yield empty


@pytest.fixture
def harness(moto: Callable[[], Harness]) -> Harness:
    return moto()


@pytest.fixture(scope="module")
def client() -> Iterator[DynamoDBClient]:
    client = dynamodb_client()
    yield client
    client.close()


@pytest.fixture
def stub(client: DynamoDBClient) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def stubbed(stub: Stubber, slept: list[float]) -> DynamoDbConnectionStore:
    return DynamoDbConnectionStore(
        cast("DynamoDBClient", stub.client), "connections", sleep=slept.append
    )


class MeetingClient:
    """A client whose queries are answered when so many of them are under way at once."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties, timeout=20)
        self._lock = threading.Lock()
        self._under_way = 0
        self.most_under_way = 0

    def query(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 — a request of DynamoDB
        with self._lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        self._barrier.wait()
        with self._lock:
            self._under_way -= 1
        partition = request["ExpressionAttributeValues"][":partition"]["S"]
        return {
            "Items": [],
            "LastEvaluatedKey": {"pk": {"S": partition}, "sk": {"S": f"behind {partition}"}},
        }


def test_shards_are_read_side_by_side_and_not_all_at_once() -> None:
    client = MeetingClient(SIDE_BY_SIDE)
    store = DynamoDbConnectionStore(cast("DynamoDBClient", client), "connections")
    places = [Place(shard=shard) for shard in range(4 * SIDE_BY_SIDE)]

    pages = store.read_shards(places, limit=1, now_ms=T0)

    assert client.most_under_way == SIDE_BY_SIDE
    assert [page.cursor for page in pages] == [
        f"behind {shard_partition(each.shard)}" for each in places
    ]


def items_of(harness: Harness) -> list[dict[str, Any]]:
    client = cast("Any", harness.dynamodb)
    return client.scan(TableName=harness.table_name)["Items"]


def test_every_item_has_a_ttl_in_seconds_after_it_can_matter(harness: Harness) -> None:
    for one in (B, A):
        harness.store.admit(one, policy=Policy.MULTI, now_ms=T0 + 1)
    harness.store.admit(connection("C"), policy=Policy.MULTI, now_ms=T0 + 1)
    harness.store.forget("C", now_ms=T0 + 2)
    harness.store.forget("unknown", now_ms=T0 + 3)

    ttls = {item["sk"]["S"]: int(item["ttl"]["N"]) for item in items_of(harness)}

    lapse = (T0 + TOMBSTONE_LIFETIME_MS) // 1000
    assert ttls == {
        "A": A.expires_at_ms // 1000 + TTL_SLACK_SECONDS,
        "B": B.expires_at_ms // 1000 + TTL_SLACK_SECONDS,
        "C": lapse + TTL_SLACK_SECONDS,
        "unknown": lapse + TTL_SLACK_SECONDS,
        "client": B.expires_at_ms // 1000 + TTL_SLACK_SECONDS,
    }


def test_the_version_of_a_client_never_starts_again(harness: Harness) -> None:
    store, versions = harness.store, list[int]()
    steps: list[Callable[[], object]] = [
        lambda: store.admit(A, policy=Policy.MULTI, now_ms=T0),
        lambda: store.confirm("A", now_ms=T0),
        lambda: store.forget("A", now_ms=T0),
        lambda: store.admit(B, policy=Policy.MULTI, now_ms=T0 + 1),
    ]
    for step in steps:
        step()
        versions += [int(one["version"]["N"]) for one in items_of(harness) if "version" in one]

    assert versions == [1, 2, 3, 4]


def test_the_calls_that_the_store_uses_are_those_that_the_walk_covers(harness: Harness) -> None:
    used: set[str] = set()
    events = cast("Any", harness.dynamodb).meta.events

    def record(model: object, **_: object) -> None:
        used.add(cast("Any", model).name)

    events.register("before-call.dynamodb", record)
    for method in METHODS.values():
        method(harness.store)
    harness.store.forget("unknown", now_ms=T0)
    events.unregister("before-call.dynamodb", record)

    assert used == CALLS


SERVICE = cast("Any", botocore.session.get_session()).get_service_model("dynamodb")
MODELED = sorted(
    {
        (shape.metadata.get("error", {}).get("code", shape.name))
        for call in CALLS
        for shape in SERVICE.operation_model(call).error_shapes
    }
)


@pytest.mark.parametrize("code", MODELED)
def test_every_modeled_error_of_the_calls_has_a_meaning(code: str) -> None:
    assert code in MAPPED_CODES


TEMPORARY = [
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
]
FINAL = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IdempotentParameterMismatchException",
    "ItemCollectionSizeLimitExceededException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
    "SomethingNew",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("code", TEMPORARY + FINAL)
def test_no_method_lets_an_error_of_botocore_out(
    stub: Stubber, stubbed: DynamoDbConnectionStore, method: str, code: str
) -> None:
    for _ in range(ATTEMPTS):
        stub.add_client_error(FIRST_CALL[method], code)

    with pytest.raises(ServiceError) as raised:
        METHODS[method](stubbed)

    expected = StoreUnavailable if code in TEMPORARY else ConfigurationWrong
    assert isinstance(raised.value, expected)


def test_an_unknown_error_is_judged_by_its_status(
    stub: Stubber, stubbed: DynamoDbConnectionStore
) -> None:
    stub.add_client_error("get_item", "SomethingNew", http_status_code=502)

    with pytest.raises(StoreUnavailable):
        stubbed.ping()


REASONS = [
    (["ConditionalCheckFailed", "None"], StoreUnavailable),
    (["TransactionConflict"], StoreUnavailable),
    (["ThrottlingError", "None"], StoreUnavailable),
    (["ProvisionedThroughputExceeded", "TransactionConflict"], StoreUnavailable),
    (["ValidationError"], ConfigurationWrong),
    (["ConditionalCheckFailed", "ItemCollectionSizeLimitExceeded"], ConfigurationWrong),
    (["AccessDenied"], ConfigurationWrong),
]


@pytest.mark.parametrize(("reasons", "ours"), REASONS)
def test_the_worst_reason_of_a_cancelled_transaction_decides(
    reasons: list[str], ours: type[ServiceError]
) -> None:
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }

    with pytest.raises(ServiceError) as raised, translated_errors():
        raise botocore.exceptions.ClientError(answer, "TransactWriteItems")

    assert isinstance(raised.value, ours)


NETWORK = sorted(
    {
        error
        for error in vars(botocore.exceptions).values()
        if isinstance(error, type)
        and issubclass(
            error,
            botocore.exceptions.HTTPClientError | botocore.exceptions.ConnectionError,
        )
    },
    key=lambda error: error.__name__,
)
LOCAL = [
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.NoRegionError,
    botocore.exceptions.ParamValidationError,
    botocore.exceptions.PartialCredentialsError,
]


@pytest.mark.parametrize("vendors", [*NETWORK, *LOCAL], ids=lambda error: error.__name__)
def test_every_error_before_an_answer_has_a_meaning(
    vendors: type[botocore.exceptions.BotoCoreError],
) -> None:
    fields = {name: "?" for _, name, _, _ in Formatter().parse(vendors.fmt) if name}

    with pytest.raises(ServiceError) as raised, translated_errors():
        raise vendors(**fields)

    assert raised.value.temporary == (vendors in NETWORK)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    store = DynamoDbConnectionStore(cast("DynamoDBClient", client), "connections")

    with pytest.raises(StoreUnavailable):
        store.ping()

    client.close()


def test_a_table_that_is_not_there_is_a_wrong_configuration(harness: Harness) -> None:
    store = DynamoDbConnectionStore(cast("DynamoDBClient", harness.dynamodb), "no-such-table")

    with pytest.raises(ConfigurationWrong, match="ResourceNotFoundException"):
        store.ping()


def test_a_race_is_lost_a_bounded_number_of_times(
    stub: Stubber, stubbed: DynamoDbConnectionStore, slept: list[float]
) -> None:
    for _ in range(ATTEMPTS):
        stub.add_client_error("update_item", "TransactionConflictException")

    with pytest.raises(StoreUnavailable):
        stubbed.touch("A", now_ms=T0)

    stub.assert_no_pending_responses()
    assert slept == list(pauses(zlib.crc32(b"A")))


def test_a_race_that_is_won_in_the_end_is_won(
    stub: Stubber, stubbed: DynamoDbConnectionStore
) -> None:
    for _ in range(ATTEMPTS - 1):
        stub.add_client_error("update_item", "TransactionConflictException")
    stub.add_response("update_item", {})

    assert stubbed.touch("A", now_ms=T0)


def test_a_condition_that_fails_is_no_race(
    stub: Stubber, stubbed: DynamoDbConnectionStore, slept: list[float]
) -> None:
    stub.add_client_error("update_item", "ConditionalCheckFailedException")

    assert not stubbed.touch("A", now_ms=T0)
    assert slept == []
    assert issubclass(ConditionFailed, StoreUnavailable)


def test_pauses_grow_and_differ_between_two_that_collide() -> None:
    one, other = list(pauses(0)), list(pauses(128))

    assert one == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32]
    assert other == [2 * pause for pause in one]
    assert sum(pauses(255)) < 2


def unprocessed(*client_ids: str) -> dict[str, Any]:
    keys = [{"pk": {"S": f"client#{one}"}, "sk": {"S": "client"}} for one in client_ids]
    return {"connections": {"Keys": keys}} if keys else {}


def test_keys_that_remain_unprocessed_are_asked_for_again(
    stub: Stubber, stubbed: DynamoDbConnectionStore, slept: list[float]
) -> None:
    def expected(*ids: str) -> dict[str, Any]:
        request = unprocessed(*ids)
        request["connections"]["ConsistentRead"] = True
        return {"RequestItems": request}

    nothing: dict[str, Any] = {"Responses": {"connections": []}}
    stub.add_response(
        "batch_get_item", {**nothing, "UnprocessedKeys": unprocessed("b")}, expected("a", "b")
    )
    stub.add_response("batch_get_item", {**nothing, "UnprocessedKeys": {}}, expected("b"))

    found = stubbed.resolve(["a", "b"], now_ms=T0)

    stub.assert_no_pending_responses()
    assert found == {}
    assert len(slept) == 1


def test_keys_that_remain_unprocessed_for_ever_are_an_unavailable_store(
    stub: Stubber, stubbed: DynamoDbConnectionStore, slept: list[float]
) -> None:
    for _ in range(ATTEMPTS):
        stub.add_response(
            "batch_get_item",
            {"Responses": {"connections": []}, "UnprocessedKeys": unprocessed("a")},
        )

    with pytest.raises(StoreUnavailable, match="unprocessed"):
        stubbed.resolve(["a"], now_ms=T0)

    assert len(slept) == ATTEMPTS - 1
