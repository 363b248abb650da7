"""What only the Redis store has to keep: keys that expire, errors that are ours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from redis import exceptions

from cloudpush.errors import ConfigurationWrong, ServiceError, StoreUnavailable
from cloudpush.model import TOMBSTONE_LIFETIME_MS, Policy, shard_of
from cloudpush.stores.redis import RedisConnectionStore
from cloudpush.stores.redis_client import (
    CONNECT_TIMEOUT_SECONDS,
    RETRIES,
    SOCKET_TIMEOUT_SECONDS,
    client_from_url,
    meaning_of,
    translated_errors,
)
from tests.contract.connection_stores import T0, connection, valkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudpush.stores.redis_client import Client
    from tests.contract.connection_stores import Harness

Server = Callable[..., Any]
"""Send a command and return its answer."""

pytestmark = pytest.mark.valkey

A, B = connection("A"), connection("B", at_ms=T0 + 1)
HOUR_MS = TOMBSTONE_LIFETIME_MS
TAG = f"{{{shard_of('alice'):03}}}"


@pytest.fixture
def harness(valkey_port: int) -> Iterator[Harness]:
    with valkey(valkey_port) as empty:
        yield empty()


@pytest.fixture
def server(harness: Harness) -> Server:
    return cast("Any", harness.redis).execute_command


def test_every_key_expires_when_its_last_row_does(harness: Harness, server: Server) -> None:
    for one in (B, A):
        harness.store.admit(one, policy=Policy.MULTI, now_ms=T0 + 1)
    harness.store.admit(connection("C"), policy=Policy.MULTI, now_ms=T0 + 1)
    harness.store.forget("C", now_ms=T0 + 2)
    harness.store.forget("unknown", now_ms=T0 + 3)
    harness.store.touch("A", now_ms=T0 + 4)

    expiries = {key: server("PEXPIRETIME", key) for key in server("KEYS", "*")}

    assert expiries == {
        "cloudpush:connection:{A}": A.expires_at_ms + HOUR_MS,
        "cloudpush:connection:{B}": B.expires_at_ms + HOUR_MS,
        "cloudpush:connection:{C}": A.expires_at_ms + HOUR_MS,
        "cloudpush:connection:{unknown}": T0 + 3 + HOUR_MS,
        f"cloudpush:{TAG}:client:alice": B.expires_at_ms,
        f"cloudpush:{TAG}:connections": B.expires_at_ms,
        f"cloudpush:{TAG}:tombstones": T0 + 2 + HOUR_MS,
    }


def test_what_expired_or_lapsed_unnoticed_leaves_with_the_next_that_comes(
    harness: Harness, server: Server
) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=T0)
    harness.store.admit(B, policy=Policy.MULTI, now_ms=T0 + 1)
    harness.store.forget("B", now_ms=T0 + 1)
    later = connection("later", at_ms=A.expires_at_ms)

    harness.store.admit(later, policy=Policy.MULTI, now_ms=A.expires_at_ms)
    harness.store.forget("later", now_ms=A.expires_at_ms)

    assert server("HGETALL", f"cloudpush:{TAG}:client:alice") == {}
    assert server("ZRANGE", f"cloudpush:{TAG}:connections", 0, -1) == []
    assert server("ZRANGE", f"cloudpush:{TAG}:tombstones", 0, -1) == ["later"]


def test_a_row_does_not_grow_with_the_reconnects_before_it(
    harness: Harness, server: Server
) -> None:
    sizes: list[int] = []
    for n in range(5):
        one = connection(f"c{n}", at_ms=T0 + n)
        harness.store.admit(one, policy=Policy.SINGLE, now_ms=T0 + n)
        sizes.append(server("HSTRLEN", f"cloudpush:{TAG}:client:alice", f"c{n}"))

    assert sizes[0] < sizes[1] == sizes[2] == sizes[3] == sizes[4]


def test_scripts_are_loaded_again_if_the_server_lost_them(harness: Harness, server: Server) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=T0)
    server("SCRIPT FLUSH")

    assert harness.store.touch("A", now_ms=T0)
    assert harness.store.forget("A", now_ms=T0)


def test_two_deployments_share_a_server(harness: Harness) -> None:
    client = cast("Client", harness.redis)
    one, other = (RedisConnectionStore(client, prefix=prefix) for prefix in ("one:", "other:"))
    one.admit(A, policy=Policy.MULTI, now_ms=T0)

    assert other.get("A", now_ms=T0) is None
    assert other.resolve(["alice"], now_ms=T0) == {}
    assert other.read_shard(shard_of("alice"), now_ms=T0).connections == ()
    assert one.get("A", now_ms=T0) == A


def test_a_full_server_refuses_before_anything_is_written(harness: Harness, server: Server) -> None:
    harness.store.admit(A, policy=Policy.SINGLE, now_ms=T0)
    server("CONFIG SET", "maxmemory", 1)

    with contextlib.ExitStack() as stack:
        stack.callback(server, "CONFIG SET", "maxmemory", 0)
        with pytest.raises(StoreUnavailable):
            harness.store.admit(B, policy=Policy.SINGLE, now_ms=T0 + 1)

    assert harness.store.resolve(["alice"], now_ms=T0 + 1) == {"alice": (A,)}


def test_a_key_of_another_type_is_a_wrong_configuration(harness: Harness, server: Server) -> None:
    server("SET", f"cloudpush:{TAG}:client:alice", "not ours")

    with pytest.raises(ConfigurationWrong, match="WRONGTYPE"):
        harness.store.resolve(["alice"], now_ms=T0)


def test_waits_and_retries_are_set(valkey_port: int) -> None:
    client = cast("Any", client_from_url(f"redis://127.0.0.1:{valkey_port}"))

    settings = client.connection_pool.connection_kwargs

    assert settings["socket_connect_timeout"] == CONNECT_TIMEOUT_SECONDS
    assert settings["socket_timeout"] == SOCKET_TIMEOUT_SECONDS
    assert settings["retry"].get_retries() == RETRIES


def test_a_store_is_made_of_a_url(valkey_port: int) -> None:
    client = client_from_url(f"redis://127.0.0.1:{valkey_port}")
    store = RedisConnectionStore(client, prefix="url:")

    store.ping()

    assert store.get("nobody", now_ms=T0) is None
    client.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = RedisConnectionStore(client_from_url("redis://127.0.0.1:1"))

    with pytest.raises(StoreUnavailable):
        store.ping()


def test_a_url_of_another_scheme_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigurationWrong, match="scheme"):
        client_from_url("http://127.0.0.1:1")


VENDORS_ERRORS = sorted(
    (
        error
        for error in vars(exceptions).values()
        if isinstance(error, type)
        and issubclass(error, exceptions.RedisError | exceptions.RedisClusterException)
    ),
    key=lambda error: error.__name__,
)
NETWORK = {
    "BusyLoadingError",
    "ConnectionError",
    "ExternalAuthProviderError",
    "InvalidResponse",
    "MaxConnectionsError",
    "TimeoutError",
}
FAILOVER_OR_OVERLOAD = {
    "AskError",
    "ClusterDownError",
    "ClusterError",
    "MasterDownError",
    "MovedError",
    "OutOfMemoryError",
    "ReadOnlyError",
    "SlotNotCoveredError",
    "TryAgainError",
}
OURS_OR_THE_OPERATORS = {
    "AuthenticationError",
    "AuthenticationWrongNumberOfArgsError",
    "AuthorizationError",
    "ClusterCrossSlotError",
    "CrossSlotTransactionError",
    "DataError",
    "ExecAbortError",
    "InvalidPipelineStack",
    "LockError",
    "LockNotOwnedError",
    "ModuleError",
    "NoPermissionError",
    "NoScriptError",
    "NoSuchFieldsetError",
    "PubSubError",
    "RedisClusterException",
    "RedisError",
    "ResponseError",
    "WatchError",
}


@pytest.mark.parametrize("vendors", VENDORS_ERRORS, ids=lambda error: error.__name__)
def test_every_error_of_redis_has_a_meaning(vendors: type[Exception]) -> None:
    # Constructors differ, and none of them decides anything.
    error = vendors.__new__(vendors)

    with pytest.raises(ServiceError) as raised, translated_errors():
        raise error

    temporary = NETWORK | FAILOVER_OR_OVERLOAD
    assert vendors.__name__ in temporary | OURS_OR_THE_OPERATORS
    assert raised.value.temporary == (vendors.__name__ in temporary)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "reply",
    [
        "BUSY Valkey is busy running a script",
        "LOADING Valkey is loading the dataset in memory",
        "MISCONF Errors writing to the AOF file",
        "NOREPLICAS Not enough good replicas to write",
        "OOM command not allowed when used memory > 'maxmemory'",
        "READONLY You can't write against a read only replica",
        "UNBLOCKED force unblock from blocking operation",
    ],
)
def test_a_reply_that_passes_is_unavailable(reply: str) -> None:
    assert meaning_of(exceptions.ResponseError(reply)) is StoreUnavailable


def test_any_other_reply_is_a_wrong_configuration() -> None:
    assert meaning_of(exceptions.ResponseError("ERR unknown command")) is ConfigurationWrong
