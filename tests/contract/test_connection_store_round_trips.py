"""What each call costs in round trips; the figures stand in the docstrings of the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush.model import Place, Policy
from tests.contract.connection_stores import T0, connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.connection_stores import Harness

pytestmark = pytest.mark.parametrize(
    "empty",
    ["dynamodb", pytest.param("redis", marks=pytest.mark.valkey)],
    indirect=True,
    scope="module",
)

NOW = T0 + 1000
A, B = connection("A"), connection("B", at_ms=T0 + 1)


def round_trips(harness: Harness, call: Callable[[], object]) -> int:
    sent: list[None] = []

    def count() -> None:
        sent.append(None)

    harness.before_request.append(count)
    call()
    harness.before_request.remove(count)
    return len(sent)


@pytest.fixture
def is_redis(harness: Harness) -> bool:
    if harness.redis is None:
        return False
    # The scripts are loaded when first used, once for a server: not part of a call's price.
    warm = connection("warm", "up")
    harness.store.admit(warm, policy=Policy.SINGLE, now_ms=NOW)
    harness.store.touch("warm", now_ms=NOW)
    harness.store.resolve(["up"], now_ms=NOW)
    harness.store.read_shard(harness.shard_of(warm), now_ms=NOW)
    harness.store.confirm("warm", now_ms=NOW)
    harness.store.forget_unseen("warm", seen_before_ms=0, now_ms=NOW)
    harness.store.forget("warm", now_ms=NOW)
    return True


@pytest.mark.usefixtures("is_redis")
def test_admit(harness: Harness) -> None:
    store = harness.store

    plain = round_trips(harness, lambda: store.admit(A, policy=Policy.MULTI, now_ms=NOW))
    replacing = round_trips(harness, lambda: store.admit(B, policy=Policy.SINGLE, now_ms=NOW))

    assert (plain, replacing) == (2, 2)


def test_get(harness: Harness, *, is_redis: bool) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=NOW)

    first = round_trips(harness, lambda: harness.store.get("A", now_ms=NOW))
    further = round_trips(harness, lambda: harness.store.get("A", now_ms=NOW))

    assert (first, further) == ((2, 1) if is_redis else (1, 1))


@pytest.mark.usefixtures("is_redis")
def test_touch(harness: Harness) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=NOW)

    opening = round_trips(harness, lambda: harness.store.touch("A", now_ms=NOW))
    further = round_trips(harness, lambda: harness.store.touch("A", now_ms=NOW + 1))

    assert (opening, further) == (2, 1)


@pytest.mark.usefixtures("is_redis")
def test_confirm(harness: Harness) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=NOW)

    opening = round_trips(harness, lambda: harness.store.confirm("A", now_ms=NOW))
    further = round_trips(harness, lambda: harness.store.confirm("A", now_ms=NOW))

    assert (opening, further) == (2, 1)


def test_forget(harness: Harness, *, is_redis: bool) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=NOW)

    known = round_trips(harness, lambda: harness.store.forget("A", now_ms=NOW))
    again = round_trips(harness, lambda: harness.store.forget("A", now_ms=NOW))
    unknown = round_trips(harness, lambda: harness.store.forget("nobody", now_ms=NOW))

    assert (known, again, unknown) == ((2, 2, 1) if is_redis else (2, 1, 2))


def test_forget_unseen(harness: Harness, *, is_redis: bool) -> None:
    harness.store.admit(A, policy=Policy.MULTI, now_ms=NOW)
    store = harness.store

    kept = round_trips(harness, lambda: store.forget_unseen("A", seen_before_ms=T0, now_ms=NOW))
    forgotten = round_trips(
        harness, lambda: store.forget_unseen("A", seen_before_ms=NOW, now_ms=NOW)
    )

    assert (kept, forgotten) == ((2, 1) if is_redis else (1, 2))


@pytest.mark.parametrize(
    ("clients", "on_dynamodb", "on_redis"), [(1, 1, 1), (100, 1, 1), (101, 2, 1), (501, 6, 2)]
)
def test_resolve(
    harness: Harness, *, is_redis: bool, clients: int, on_dynamodb: int, on_redis: int
) -> None:
    wanted = [f"client-{n}" for n in range(clients)]

    sent = round_trips(harness, lambda: harness.store.resolve(wanted, now_ms=NOW))

    assert sent == (on_redis if is_redis else on_dynamodb)


def test_pages_of_many_shards(harness: Harness, *, is_redis: bool) -> None:
    store = harness.store
    for number in range(20):
        one = connection(f"c{number}", f"client{number}")
        store.admit(one, policy=Policy.MULTI, now_ms=NOW)
    places = [Place(shard=shard) for shard in range(16)]

    sent = round_trips(harness, lambda: store.read_shards(places, limit=25, now_ms=NOW))

    assert sent == (2 if is_redis else 16)


def test_a_page(harness: Harness, *, is_redis: bool) -> None:
    store, shard = harness.store, harness.shard_of(A)
    empty = round_trips(harness, lambda: store.read_shard(shard, now_ms=NOW))
    store.admit(A, policy=Policy.MULTI, now_ms=NOW)

    page = round_trips(harness, lambda: store.read_shard(shard, now_ms=NOW))

    assert (empty, page) == ((1, 2) if is_redis else (1, 1))


def test_stale_pages_of_many_shards(harness: Harness, *, is_redis: bool) -> None:
    for number in range(20):
        one = connection(f"c{number}", f"client{number}")
        harness.store.admit(one, policy=Policy.MULTI, now_ms=NOW)
    places = [Place(shard=shard) for shard in range(16)]

    sent = round_trips(
        harness, lambda: harness.store.read_stale(places, seen_before_ms=NOW, now_ms=NOW)
    )

    assert sent == (2 if is_redis else 16)


def test_a_count(harness: Harness, *, is_redis: bool) -> None:
    count = round_trips(harness, lambda: harness.store.count_shards(range(32), now_ms=NOW))

    assert count == (1 if is_redis else 32)
