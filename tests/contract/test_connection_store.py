"""The contract of `ports.ConnectionStore`, clause by clause, on every implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from cloudpush.errors import TooManyConnections
from cloudpush.model import (
    CONNECTION_LIFETIME_MS,
    MAX_CONNECTIONS_PER_CLIENT,
    SHARDS,
    TOMBSTONE_LIFETIME_MS,
    Connection,
    Place,
    Policy,
)
from cloudpush.ports import Admission, Page
from tests.contract.connection_stores import T0, connection, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudpush.ports import ConnectionStore
    from tests.contract.connection_stores import Harness

MULTI, SINGLE = Policy.MULTI, Policy.SINGLE
BOTH = pytest.mark.parametrize("policy", [MULTI, SINGLE])
A, B, C = connection("A"), connection("B", at_ms=T0 + 10), connection("C", at_ms=T0 + 20)
EXPIRY = A.expires_at_ms


def reachable(store: ConnectionStore, client_id: str, *, now_ms: int) -> list[str]:
    found = store.resolve([client_id], now_ms=now_ms)
    return [one.connection_id for one in found.get(client_id, ())]


def pages(store: ConnectionStore, shard: int, *, limit: int, now_ms: int) -> Iterator[Page]:
    page = store.read_shard(shard, limit=limit, now_ms=now_ms)
    yield page
    while page.cursor is not None:
        page = store.read_shard(shard, cursor=page.cursor, limit=limit, now_ms=now_ms)
        yield page


def ids_in(found: Iterator[Page]) -> list[str]:
    return [one.connection_id for page in found for one in page.connections]


def in_one_shard(harness: Harness, count: int, *, at_ms: int = T0) -> list[Connection]:
    """Return connections of as many clients that the store puts in one shard."""
    shard = harness.shard_of(connection("A", "client-A"))
    candidates = (connection(f"c{n}", f"client-{n}", at_ms=at_ms) for n in range(SHARDS * 100))
    fitting = (one for one in candidates if harness.shard_of(one) == shard)
    return [next(fitting) for _ in range(count)]


def stale_in_shard_of(
    harness: Harness, one: Connection, *, seen_before_ms: int, now_ms: int
) -> Page:
    place = Place(shard=harness.shard_of(one))
    [page] = harness.store.read_stale([place], seen_before_ms=seen_before_ms, now_ms=now_ms)
    return page


# --- admit ---------------------------------------------------------------------------------


@BOTH
def test_admit_stores_a_connection_as_pending(store: ConnectionStore, policy: Policy) -> None:
    answer = store.admit(A, policy=policy, now_ms=T0)

    assert answer == Admission()
    assert store.get("A", now_ms=T0) == A
    assert store.resolve(["alice"], now_ms=T0) == {"alice": (A,)}


def test_admit_stores_as_pending_whatever_it_is_given(store: ConnectionStore) -> None:
    store.admit(msgspec.structs.replace(A, is_open=True), policy=MULTI, now_ms=T0)

    assert store.get("A", now_ms=T0) == A


@BOTH
def test_admitting_again_changes_nothing(store: ConnectionStore, policy: Policy) -> None:
    store.admit(A, policy=policy, now_ms=T0)
    store.touch("A", now_ms=T0 + 5)

    answer = store.admit(A, policy=policy, now_ms=T0 + 9)

    opened = msgspec.structs.replace(A, is_open=True, last_seen_ms=T0 + 5)
    assert answer == Admission()
    assert store.get("A", now_ms=T0 + 9) == opened
    assert store.get("A", now_ms=EXPIRY) is None


@BOTH
@pytest.mark.parametrize("was_admitted", [True, False])
def test_admit_of_a_forgotten_connection_has_no_effect(
    store: ConnectionStore, policy: Policy, *, was_admitted: bool
) -> None:
    if was_admitted:
        store.admit(A, policy=policy, now_ms=T0)
    store.forget("A", now_ms=T0 + 1)

    answer = store.admit(A, policy=policy, now_ms=T0 + TOMBSTONE_LIFETIME_MS)

    assert answer == Admission()
    assert store.get("A", now_ms=T0 + TOMBSTONE_LIFETIME_MS) is None
    assert reachable(store, "alice", now_ms=T0 + TOMBSTONE_LIFETIME_MS) == []


@pytest.mark.parametrize("was_admitted", [True, False])
def test_a_tombstone_lapses_after_an_hour(store: ConnectionStore, *, was_admitted: bool) -> None:
    if was_admitted:
        store.admit(A, policy=MULTI, now_ms=T0)
    store.forget("A", now_ms=T0)

    store.admit(A, policy=MULTI, now_ms=T0 + TOMBSTONE_LIFETIME_MS)

    assert reachable(store, "alice", now_ms=T0 + TOMBSTONE_LIFETIME_MS) == ["A"]


@BOTH
def test_admit_of_an_expired_connection_has_no_effect(
    store: ConnectionStore, policy: Policy
) -> None:
    late = connection("L", at_ms=T0 + 1, lifetime_ms=10)
    store.admit(A, policy=policy, now_ms=T0)

    answer = store.admit(late, policy=policy, now_ms=T0 + 11)

    assert answer == Admission()
    assert reachable(store, "alice", now_ms=T0 + 5) == ["A"]


def test_under_multi_a_client_holds_several_connections(store: ConnectionStore) -> None:
    answers = [store.admit(one, policy=MULTI, now_ms=T0 + 20) for one in (B, C, A)]

    assert answers == [Admission()] * 3
    assert store.resolve(["alice"], now_ms=T0 + 20) == {"alice": (A, B, C)}


def test_under_multi_the_connection_after_the_fiftieth_is_refused(store: ConnectionStore) -> None:
    held = [connection(f"c{n:02}", at_ms=T0 + n) for n in range(MAX_CONNECTIONS_PER_CLIENT)]
    for one in held:
        store.admit(one, policy=MULTI, now_ms=T0 + 99)
    over = connection("over", at_ms=T0 + 99)

    with pytest.raises(TooManyConnections):
        store.admit(over, policy=MULTI, now_ms=T0 + 99)

    assert store.get("over", now_ms=T0 + 99) is None
    assert reachable(store, "alice", now_ms=T0 + 99) == [one.connection_id for one in held]
    assert store.admit(held[7], policy=MULTI, now_ms=T0 + 99) == Admission()


def test_connections_that_are_gone_make_room_for_others(store: ConnectionStore) -> None:
    expired, forgotten = connection("expired", lifetime_ms=50), connection("forgotten")
    others = [connection(f"c{n}") for n in range(MAX_CONNECTIONS_PER_CLIENT - 2)]
    for one in [expired, forgotten, *others]:
        store.admit(one, policy=MULTI, now_ms=T0)
    store.forget("forgotten", now_ms=T0 + 50)

    for one in (B, C):
        store.admit(one, policy=MULTI, now_ms=T0 + 50)

    with pytest.raises(TooManyConnections):
        store.admit(A, policy=MULTI, now_ms=T0 + 50)
    assert reachable(store, "alice", now_ms=T0 + 50)[-2:] == ["B", "C"]


def test_under_single_a_newer_connection_replaces_the_older_ones(store: ConnectionStore) -> None:
    for one in (B, A):
        store.admit(one, policy=MULTI, now_ms=T0 + 10)

    answer = store.admit(C, policy=SINGLE, now_ms=T0 + 20)

    assert answer == Admission(replaced=(A, B))
    assert store.resolve(["alice"], now_ms=T0 + 20) == {"alice": (C,)}


def test_a_replaced_connection_is_forgotten(harness: Harness) -> None:
    store = harness.store
    store.admit(A, policy=SINGLE, now_ms=T0)
    store.touch("A", now_ms=T0 + 1)
    store.admit(B, policy=SINGLE, now_ms=T0 + 10)

    late = store.admit(A, policy=SINGLE, now_ms=T0 + 11)

    assert late == Admission()
    assert store.get("A", now_ms=T0 + 11) is None
    assert not store.touch("A", now_ms=T0 + 11)
    assert not store.confirm("A", now_ms=T0 + 11)
    assert not store.forget("A", now_ms=T0 + 11)
    assert "A" not in ids_in(pages(store, harness.shard_of(A), limit=9, now_ms=T0 + 11))
    assert reachable(store, "alice", now_ms=T0 + 11) == ["B"]


def test_admitting_again_returns_what_was_replaced_again(store: ConnectionStore) -> None:
    store.admit(A, policy=SINGLE, now_ms=T0)
    store.confirm("A", now_ms=T0)
    first = store.admit(B, policy=SINGLE, now_ms=T0 + 10)
    store.touch("B", now_ms=T0 + 11)
    store.forget("A", now_ms=T0 + 12)

    again = store.admit(B, policy=SINGLE, now_ms=T0 + 13)

    assert again == first
    assert [one.connection_id for one in again.replaced] == ["A"]


def test_what_was_replaced_does_not_travel_on(store: ConnectionStore) -> None:
    for one in (A, B):
        store.admit(one, policy=SINGLE, now_ms=T0 + 10)

    answer = store.admit(C, policy=SINGLE, now_ms=T0 + 20)

    assert answer == Admission(replaced=(B,))
    assert store.admit(C, policy=SINGLE, now_ms=T0 + 20) == answer


def test_under_single_an_older_connection_is_superseded(store: ConnectionStore) -> None:
    store.admit(B, policy=SINGLE, now_ms=T0 + 10)

    answer = store.admit(A, policy=SINGLE, now_ms=T0 + 11)

    assert answer == Admission(is_superseded=True)
    assert store.get("A", now_ms=T0 + 11) is None
    assert reachable(store, "alice", now_ms=T0 + 11) == ["B"]


def test_superseded_by_one_newer_connection_changes_nothing_of_the_others(
    store: ConnectionStore,
) -> None:
    for one in (A, C):
        store.admit(one, policy=MULTI, now_ms=T0 + 20)

    answer = store.admit(B, policy=SINGLE, now_ms=T0 + 20)

    assert answer == Admission(is_superseded=True)
    assert reachable(store, "alice", now_ms=T0 + 20) == ["A", "C"]


def test_generations_of_one_millisecond_are_ordered_by_the_bytes_of_the_id(
    store: ConnectionStore,
) -> None:
    # In most locales, unlike in bytes, "a" stands before "B", and "-" counts for nothing.
    same_time = [connection(one_id) for one_id in ("a-x", "B", "aw")]
    for one in same_time:
        store.admit(one, policy=MULTI, now_ms=T0)

    superseded = store.admit(connection("aZ"), policy=SINGLE, now_ms=T0)
    winner = store.admit(connection("ax"), policy=SINGLE, now_ms=T0)

    assert superseded == Admission(is_superseded=True)
    assert [one.connection_id for one in winner.replaced] == ["B", "a-x", "aw"]


def test_under_single_an_expired_connection_is_neither_newer_nor_replaced(
    store: ConnectionStore,
) -> None:
    older = connection("older", at_ms=T0 - 5, lifetime_ms=105)
    newer = connection("newer", at_ms=T0 + 5, lifetime_ms=95)
    for one in (older, newer):
        store.admit(one, policy=MULTI, now_ms=T0 + 5)

    answer = store.admit(A, policy=SINGLE, now_ms=T0 + 100)

    assert answer == Admission()
    assert reachable(store, "alice", now_ms=T0 + 100) == ["A"]


def test_the_policy_looks_at_no_other_client(store: ConnectionStore) -> None:
    bobs = connection("bobs", "bob")
    store.admit(bobs, policy=SINGLE, now_ms=T0)

    answer = store.admit(B, policy=SINGLE, now_ms=T0 + 10)

    assert answer == Admission()
    assert store.resolve(["bob", "alice"], now_ms=T0 + 10) == {"bob": (bobs,), "alice": (B,)}


# --- expiry, for every reader ---------------------------------------------------------------


def test_a_connection_is_there_until_the_millisecond_before_it_expires(harness: Harness) -> None:
    store, last = harness.store, EXPIRY - 1
    store.admit(A, policy=MULTI, now_ms=T0)

    assert store.get("A", now_ms=last) == A
    assert reachable(store, "alice", now_ms=last) == ["A"]
    assert store.read_shard(harness.shard_of(A), now_ms=last).connections == (A,)
    assert stale_in_shard_of(harness, A, seen_before_ms=last, now_ms=last).connections == (A,)
    assert store.confirm("A", now_ms=last)
    assert store.touch("A", now_ms=last)
    assert store.forget("A", now_ms=last)


def test_an_expired_connection_is_gone_for_everyone(harness: Harness) -> None:
    store = harness.store
    store.admit(A, policy=MULTI, now_ms=T0)

    assert store.get("A", now_ms=EXPIRY) is None
    assert reachable(store, "alice", now_ms=EXPIRY) == []
    assert store.read_shard(harness.shard_of(A), now_ms=EXPIRY).connections == ()
    assert stale_in_shard_of(harness, A, seen_before_ms=EXPIRY, now_ms=EXPIRY).connections == ()
    assert not store.confirm("A", now_ms=EXPIRY)
    assert not store.touch("A", now_ms=EXPIRY)
    assert not store.forget_unseen("A", seen_before_ms=EXPIRY, now_ms=EXPIRY)
    assert not store.forget("A", now_ms=EXPIRY)


def test_an_open_connection_expires_too(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)
    store.touch("A", now_ms=T0 + 1)

    assert store.touch("A", now_ms=EXPIRY - 1)
    assert not store.touch("A", now_ms=EXPIRY)
    assert store.get("A", now_ms=EXPIRY) is None


# --- touch and confirm ----------------------------------------------------------------------


def test_touch_opens_and_records_when(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)

    answer = store.touch("A", now_ms=T0 + 7)

    assert answer
    assert store.get("A", now_ms=T0 + 7) == msgspec.structs.replace(
        A, is_open=True, last_seen_ms=T0 + 7
    )


def test_touch_of_an_open_connection_records_when(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)
    store.touch("A", now_ms=T0 + 7)

    answer = store.touch("A", now_ms=T0 + 8)

    assert answer
    assert store.get("A", now_ms=T0 + 8) == msgspec.structs.replace(
        A, is_open=True, last_seen_ms=T0 + 8
    )


@pytest.mark.parametrize("was_open", [True, False])
def test_last_seen_never_moves_backwards(store: ConnectionStore, *, was_open: bool) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)
    if was_open:
        store.touch("A", now_ms=T0)

    answer = store.touch("A", now_ms=T0 - 1)

    assert answer
    assert store.get("A", now_ms=T0) == msgspec.structs.replace(A, is_open=True)


def test_confirm_opens_and_leaves_last_seen(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)

    answers = [store.confirm("A", now_ms=T0 + 7) for _ in range(2)]

    assert answers == [True, True]
    assert store.get("A", now_ms=T0 + 7) == msgspec.structs.replace(A, is_open=True)


def test_resolve_shows_whether_a_connection_is_open(store: ConnectionStore) -> None:
    for one in (A, B, C):
        store.admit(one, policy=MULTI, now_ms=T0 + 20)

    store.touch("A", now_ms=T0 + 21)
    store.confirm("C", now_ms=T0 + 21)

    found = store.resolve(["alice"], now_ms=T0 + 21)["alice"]
    assert [one.is_open for one in found] == [True, False, True]


@pytest.mark.parametrize("past", ["never admitted", "forgotten"])
def test_touch_and_confirm_never_revive(store: ConnectionStore, past: str) -> None:
    if past == "forgotten":
        store.admit(A, policy=MULTI, now_ms=T0)
        store.forget("A", now_ms=T0)

    answers = [store.touch("A", now_ms=T0 + 1), store.confirm("A", now_ms=T0 + 1)]

    assert answers == [False, False]
    assert store.get("A", now_ms=T0 + 1) is None
    assert reachable(store, "alice", now_ms=T0 + 1) == []


def test_touch_of_an_unknown_connection_leaves_no_trace(store: ConnectionStore) -> None:
    store.touch("A", now_ms=T0)
    store.confirm("A", now_ms=T0)

    store.admit(A, policy=MULTI, now_ms=T0)

    assert store.get("A", now_ms=T0) == A


# --- forget ---------------------------------------------------------------------------------


def test_forget_drops_this_connection_and_none_of_the_clients_others(harness: Harness) -> None:
    store = harness.store
    for one in (A, B):
        store.admit(one, policy=MULTI, now_ms=T0 + 10)

    answer = store.forget("A", now_ms=T0 + 11)

    assert answer
    assert store.get("A", now_ms=T0 + 11) is None
    assert store.resolve(["alice"], now_ms=T0 + 11) == {"alice": (B,)}
    assert "A" not in ids_in(pages(store, harness.shard_of(A), limit=9, now_ms=T0 + 11))
    assert "B" in ids_in(pages(store, harness.shard_of(B), limit=9, now_ms=T0 + 11))


@pytest.mark.parametrize("is_open", [True, False])
def test_forgetting_again_answers_false(store: ConnectionStore, *, is_open: bool) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)
    if is_open:
        store.touch("A", now_ms=T0)

    answers = [store.forget("A", now_ms=T0 + 1) for _ in range(3)]

    assert answers == [True, False, False]


@pytest.mark.parametrize("was_admitted", [True, False])
def test_forgetting_again_does_not_prolong_the_tombstone(
    store: ConnectionStore, *, was_admitted: bool
) -> None:
    if was_admitted:
        store.admit(A, policy=MULTI, now_ms=T0)
    store.forget("A", now_ms=T0)
    store.forget("A", now_ms=T0 + TOMBSTONE_LIFETIME_MS - 1)

    store.admit(A, policy=MULTI, now_ms=T0 + TOMBSTONE_LIFETIME_MS)

    assert reachable(store, "alice", now_ms=T0 + TOMBSTONE_LIFETIME_MS) == ["A"]


def test_a_connection_may_be_forgotten_again_once_its_tombstone_has_lapsed(
    store: ConnectionStore,
) -> None:
    lapsed = T0 + TOMBSTONE_LIFETIME_MS
    store.forget("A", now_ms=T0)
    store.forget("A", now_ms=lapsed)

    store.admit(A, policy=MULTI, now_ms=lapsed + 1)

    assert store.get("A", now_ms=lapsed + 1) is None


def test_forgetting_an_unknown_connection_answers_false(store: ConnectionStore) -> None:
    assert not store.forget("A", now_ms=T0)


def test_the_last_connection_that_leaves_leaves_no_client(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)
    store.forget("A", now_ms=T0 + 1)

    assert store.resolve(["alice"], now_ms=T0 + 1) == {}

    store.admit(B, policy=MULTI, now_ms=T0 + 10)
    assert store.resolve(["alice"], now_ms=T0 + 10) == {"alice": (B,)}


def test_forget_unseen_forgets_who_was_last_seen_before(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)

    answers = [
        store.forget_unseen("A", seen_before_ms=T0 + 1, now_ms=T0 + 60_000) for _ in range(2)
    ]

    assert answers == [True, False]
    assert store.get("A", now_ms=T0 + 60_000) is None
    assert reachable(store, "alice", now_ms=T0 + 60_000) == []
    assert store.admit(A, policy=MULTI, now_ms=T0 + 60_000) == Admission()
    assert store.get("A", now_ms=T0 + 60_000) is None


def test_forget_unseen_keeps_who_was_seen_at_that_time(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)
    store.touch("A", now_ms=T0 + 500)

    answer = store.forget_unseen("A", seen_before_ms=T0 + 500, now_ms=T0 + 60_000)

    assert not answer
    assert reachable(store, "alice", now_ms=T0 + 60_000) == ["A"]


def test_forget_unseen_of_an_unknown_connection_leaves_no_tombstone(
    store: ConnectionStore,
) -> None:
    answer = store.forget_unseen("A", seen_before_ms=T0 + 1, now_ms=T0)

    store.admit(A, policy=MULTI, now_ms=T0)

    assert not answer
    assert store.get("A", now_ms=T0) == A


# --- resolve --------------------------------------------------------------------------------


def test_resolve_leaves_out_clients_without_a_connection(store: ConnectionStore) -> None:
    store.admit(A, policy=MULTI, now_ms=T0)

    found = store.resolve(["nobody", "alice", "alice", "nobody"], now_ms=T0)

    assert found == {"alice": (A,)}


def test_resolve_of_nobody_is_empty(store: ConnectionStore) -> None:
    assert store.resolve([], now_ms=T0) == {}


def test_resolve_takes_any_number_of_clients(store: ConnectionStore) -> None:
    admitted = [connection(f"c{n}", f"client-{n}") for n in range(0, 1050, 50)]
    for one in admitted:
        store.admit(one, policy=MULTI, now_ms=T0)

    found = store.resolve((f"client-{n}" for n in range(1050)), now_ms=T0)

    assert found == {one.client_id: (one,) for one in admitted}


@pytest.mark.parametrize("client_id", ["A.b:c@d-e_f", "x" * 128, "client", "7"])
def test_any_client_id_will_do(harness: Harness, client_id: str) -> None:
    store = harness.store
    ours = connection("Z3hpX2NoYW5uZWw=", client_id)
    store.admit(ours, policy=MULTI, now_ms=T0)

    assert store.get("Z3hpX2NoYW5uZWw=", now_ms=T0) == ours
    assert store.resolve([client_id], now_ms=T0) == {client_id: (ours,)}
    assert store.read_shard(harness.shard_of(ours), now_ms=T0).connections == (ours,)
    assert store.forget("Z3hpX2NoYW5uZWw=", now_ms=T0)


# --- shards ---------------------------------------------------------------------------------


def test_the_shards_divide_all_connections(harness: Harness) -> None:
    store = harness.store
    admitted = [connection(f"c{n}", f"client-{n}") for n in range(20)]
    for one in admitted:
        store.admit(one, policy=MULTI, now_ms=T0)

    by_shard = {
        one.connection_id: shard
        for shard in range(SHARDS)
        for page in pages(store, shard, limit=500, now_ms=T0)
        for one in page.connections
    }

    assert by_shard == {one.connection_id: harness.shard_of(one) for one in admitted}


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_page_by_page_every_connection_is_read_once(harness: Harness, limit: int) -> None:
    # All of them expire in the same millisecond, so that no order by time tells them apart.
    admitted = in_one_shard(harness, 7)
    for one in admitted:
        harness.store.admit(one, policy=MULTI, now_ms=T0)
    shard = harness.shard_of(admitted[0])

    found = list(pages(harness.store, shard, limit=limit, now_ms=T0))

    assert sorted(ids_in(iter(found))) == sorted(one.connection_id for one in admitted)
    assert max(len(page.connections) for page in found) <= limit


def test_a_page_shows_connections_as_they_are(harness: Harness) -> None:
    harness.store.admit(A, policy=MULTI, now_ms=T0)
    harness.store.touch("A", now_ms=T0 + 1)
    harness.store.touch("A", now_ms=T0 + 2)

    page = harness.store.read_shard(harness.shard_of(A), now_ms=T0 + 2)

    opened = msgspec.structs.replace(A, is_open=True, last_seen_ms=T0 + 2)
    assert page == Page(connections=(opened,), cursor=None)


def test_a_shard_without_connections_is_one_empty_page(store: ConnectionStore) -> None:
    assert store.read_shard(200, now_ms=T0) == Page(connections=(), cursor=None)


def test_comings_and_goings_between_pages_neither_lose_nor_repeat_another(
    harness: Harness,
) -> None:
    store = harness.store
    stay_and_go = in_one_shard(harness, 12)
    stay, go, come = stay_and_go[:6], stay_and_go[6:9], stay_and_go[9:]
    for one in [*stay, *go]:
        store.admit(one, policy=MULTI, now_ms=T0)
    shard = harness.shard_of(stay[0])

    found: list[str] = []
    for number, page in enumerate(pages(store, shard, limit=2, now_ms=T0)):
        found += [one.connection_id for one in page.connections]
        if number < len(go):
            store.forget(go[number].connection_id, now_ms=T0)
            store.admit(come[number], policy=MULTI, now_ms=T0)

    assert len(found) == len(set(found))
    assert set(found) >= {one.connection_id for one in stay}


def test_a_cursor_holds_when_what_it_points_at_has_gone(harness: Harness) -> None:
    store = harness.store
    admitted = in_one_shard(harness, 6)
    for one in admitted:
        store.admit(one, policy=MULTI, now_ms=T0)
    shard = harness.shard_of(admitted[0])
    first = store.read_shard(shard, limit=3, now_ms=T0)
    for one in first.connections:
        store.forget(one.connection_id, now_ms=T0)

    second = store.read_shard(shard, cursor=first.cursor, limit=9, now_ms=T0)

    gone = {one.connection_id for one in first.connections}
    assert {one.connection_id for one in second.connections} == {
        one.connection_id for one in admitted if one.connection_id not in gone
    }


def test_read_stale_returns_who_was_last_seen_before(harness: Harness) -> None:
    store = harness.store
    silent, spoke, spoke_later = in_one_shard(harness, 3)
    for one in (silent, spoke, spoke_later):
        store.admit(one, policy=MULTI, now_ms=T0)
    store.touch(spoke.connection_id, now_ms=T0 + 499)
    store.touch(spoke_later.connection_id, now_ms=T0 + 500)

    found: list[Connection] = []
    cursor = None
    while True:
        place = Place(shard=harness.shard_of(silent), cursor=cursor)
        other = Place(shard=(place.shard + 1) % SHARDS)
        nothing, page = store.read_stale(
            [other, place], seen_before_ms=T0 + 500, limit=2, now_ms=T0 + 600
        )
        assert nothing == Page(connections=(), cursor=None)
        found += page.connections
        cursor = page.cursor
        if cursor is None:
            break

    assert {one.connection_id for one in found} == {silent.connection_id, spoke.connection_id}
    assert len(found) == 2


def test_a_push_is_no_sign_of_life(harness: Harness) -> None:
    harness.store.admit(A, policy=MULTI, now_ms=T0)
    harness.store.confirm("A", now_ms=T0 + 500)

    page = stale_in_shard_of(harness, A, seen_before_ms=T0 + 1, now_ms=T0 + 600)

    assert [one.connection_id for one in page.connections] == ["A"]


def test_many_connections_of_one_client_lie_in_pages_too(harness: Harness) -> None:
    store = harness.store
    admitted = [connection(f"c{n}", at_ms=T0 + n % 3) for n in range(30)]
    for one in admitted:
        store.admit(one, policy=MULTI, now_ms=T0 + 3)

    shards = {harness.shard_of(one) for one in admitted}
    found = [
        one_id for shard in shards for one_id in ids_in(pages(store, shard, limit=4, now_ms=T0 + 3))
    ]

    assert sorted(found) == sorted(one.connection_id for one in admitted)


def test_the_store_answers(store: ConnectionStore) -> None:
    store.ping()


def test_lifetimes_are_those_of_the_model() -> None:
    assert connection("A").expires_at_ms - T0 == CONNECTION_LIFETIME_MS
    assert unseen([A]) == unseen([msgspec.structs.replace(A, last_seen_ms=0)])


def test_a_shard_is_counted_without_who_is_gone(store: ConnectionStore, harness: Harness) -> None:
    alive, expired, forgotten = (connection(f"c{n}", "alice") for n in range(3))
    shard = harness.shard_of(alive)
    others = [
        each
        for each in (connection(f"d{n}", "alice", lifetime_ms=9) for n in range(2000))
        if harness.shard_of(each) == shard
    ][:1]
    for each in (alive, expired, forgotten, *others):
        store.admit(each, policy=Policy.MULTI, now_ms=T0)
    for each in (expired, forgotten):
        store.forget(each.connection_id, now_ms=T0)

    counts = [store.count_shards([shard], now_ms=now_ms) for now_ms in (T0 + 8, T0 + 9)]
    elsewhere = connection("elsewhere", "bob")
    store.admit(elsewhere, policy=Policy.MULTI, now_ms=T0)

    assert counts == [1 + len(others), 1]
    assert store.count_shards([shard, harness.shard_of(elsewhere)], now_ms=T0 + 9) == 2
