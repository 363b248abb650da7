"""Each store against the memory model: whatever is called in whatever order, they answer alike.

Time goes on as the machine says, often to a deadline or the millisecond before it. Connections
appear before they are admitted, so that any call may come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cloudpush.model import TOMBSTONE_LIFETIME_MS, Connection, Place, Policy
from cloudpush.stores.memory import MemoryConnectionStore
from tests.contract.connection_stores import (
    T0,
    Harness,
    by_own_id,
    connection,
    empty_memory,
    moto_dynamodb,
    unseen,
    valkey,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.ports import Admission
    from tests.contract.connection_stores import Empty

CLIENTS = ["alice", "bob"]
LIFETIME_MS = 3 * TOMBSTONE_LIFETIME_MS // 2
"""Longer than a tombstone, so that a connection may be admitted again after one."""
SHORT_MS = 1000
AT_HAND = 3
"""How many connections, the latest ones, calls are about: few, so that calls meet."""

LIVE = 0
indexes = st.sampled_from([LIVE, LIVE, *range(1, AT_HAND + 1)])
clients = st.sampled_from(CLIENTS)
policies = st.sampled_from(Policy)
lags = st.sampled_from([0, 1, 500])
limits = st.sampled_from([1, 2, 500])


class Comparison(RuleBasedStateMachine):
    """Call the model and another store alike; subclasses say which other store."""

    def __init__(self) -> None:
        super().__init__()
        self.harness = self.make()
        self.store = self.harness.store
        self.model = MemoryConnectionStore()
        self.now_ms = T0
        self.lapses_at_ms: dict[str, int] = {}
        # In one millisecond: ties are the rule, not the exception.
        self.connections = [
            connection(f"c{n:02}", client_id, lifetime_ms=LIFETIME_MS)
            for n, client_id in enumerate(["bob", "alice", "alice"])
        ]

    def make(self) -> Harness:
        raise NotImplementedError

    def pick(self, index: int) -> Connection:
        """Return the index-th latest connection, or the latest that is there."""
        if index != LIVE:
            return self.connections[-index]
        there = (
            one
            for one in reversed(self.connections)
            if self.model.get(one.connection_id, now_ms=self.now_ms) is not None
        )
        return next(there, self.connections[-1])

    @rule(step=st.sampled_from([1, SHORT_MS]))
    def time_passes(self, step: int) -> None:
        self.now_ms += step

    @rule(index=indexes, early_ms=st.sampled_from([0, 1]))
    def a_connection_expires(self, index: int, early_ms: int) -> None:
        self.now_ms = max(self.now_ms, self.pick(index).expires_at_ms - early_ms)

    @rule(index=indexes, early_ms=st.sampled_from([0, 1]))
    def a_tombstone_lapses(self, index: int, early_ms: int) -> None:
        lapses_at_ms = self.lapses_at_ms.get(self.pick(index).connection_id, 0)
        self.now_ms = max(self.now_ms, lapses_at_ms - early_ms)

    @rule(
        client_id=clients,
        lag=lags,
        lifetime_ms=st.sampled_from([SHORT_MS, LIFETIME_MS, LIFETIME_MS]),
        policy=st.one_of(st.none(), policies, policies),
    )
    def appears(self, client_id: str, lag: int, lifetime_ms: int, policy: Policy | None) -> None:
        """A connection comes to be; its admission may be late, or never happen."""
        connection_id = f"c{len(self.connections):02}"
        at_ms = self.now_ms - lag
        self.connections.append(
            connection(connection_id, client_id, at_ms=at_ms, lifetime_ms=lifetime_ms)
        )
        if policy is not None:
            self.admit(1, policy)

    @rule(index=indexes, policy=policies)
    def admits(self, index: int, policy: Policy) -> None:
        self.admit(index, policy)

    def admit(self, index: int, policy: Policy) -> None:
        one = self.pick(index)
        expected = self.model.admit(one, policy=policy, now_ms=self.now_ms)
        actual = self.store.admit(one, policy=policy, now_ms=self.now_ms)
        assert actual.is_superseded == expected.is_superseded
        assert unseen(actual.replaced) == unseen(expected.replaced)
        self.look_at(one.connection_id)

    @rule(index=indexes, lag=lags)
    def touch(self, index: int, lag: int) -> None:
        connection_id = self.pick(index).connection_id
        # A frame may be late, but what has expired for one may be gone for all.
        if self.model.get(connection_id, now_ms=self.now_ms) is None:
            lag = 0
        now_ms = self.now_ms - lag
        expected = self.model.touch(connection_id, now_ms=now_ms)
        assert self.store.touch(connection_id, now_ms=now_ms) == expected
        self.look_at(connection_id)

    @rule(index=indexes)
    def confirm(self, index: int) -> None:
        connection_id = self.pick(index).connection_id
        expected = self.model.confirm(connection_id, now_ms=self.now_ms)
        assert self.store.confirm(connection_id, now_ms=self.now_ms) == expected
        self.look_at(connection_id)

    @rule(index=indexes)
    def forget(self, index: int) -> None:
        connection_id = self.pick(index).connection_id
        expected = self.model.forget(connection_id, now_ms=self.now_ms)
        self.lapses_at_ms.setdefault(connection_id, self.now_ms + TOMBSTONE_LIFETIME_MS)
        assert self.store.forget(connection_id, now_ms=self.now_ms) == expected
        self.look_at(connection_id)

    @rule(index=indexes, lag=lags)
    def forget_unseen(self, index: int, lag: int) -> None:
        connection_id = self.pick(index).connection_id
        before_ms = self.now_ms - lag
        expected = self.model.forget_unseen(
            connection_id, seen_before_ms=before_ms, now_ms=self.now_ms
        )
        actual = self.store.forget_unseen(
            connection_id, seen_before_ms=before_ms, now_ms=self.now_ms
        )
        assert actual == expected
        self.look_at(connection_id)

    def look_at(self, connection_id: str) -> None:
        expected = self.model.get(connection_id, now_ms=self.now_ms)
        assert self.store.get(connection_id, now_ms=self.now_ms) == expected

    @rule(index=indexes, limit=limits)
    def read_shard(self, index: int, limit: int) -> None:
        shard = self.harness.shard_of(self.pick(index))
        found: list[Connection] = []
        page = self.store.read_shard(shard, limit=limit, now_ms=self.now_ms)
        found += page.connections
        while page.cursor is not None:
            page = self.store.read_shard(shard, cursor=page.cursor, limit=limit, now_ms=self.now_ms)
            found += page.connections
            assert len(page.connections) <= limit
        assert sorted(found, key=by_id) == self.expected_in(shard)

    @rule(index=indexes, lag=lags)
    def read_stale(self, index: int, lag: int) -> None:
        shard = self.harness.shard_of(self.pick(index))
        before_ms = self.now_ms - lag
        [page] = self.store.read_stale(
            [Place(shard=shard)], seen_before_ms=before_ms, now_ms=self.now_ms
        )
        expected = [one for one in self.expected_in(shard) if one.last_seen_ms < before_ms]
        assert sorted(page.connections, key=by_id) == expected

    def expected_in(self, shard: int) -> list[Connection]:
        held = (
            self.model.get(one.connection_id, now_ms=self.now_ms)
            for one in self.connections
            if self.harness.shard_of(one) == shard
        )
        return sorted((one for one in held if one is not None), key=by_id)

    @invariant()
    def clients_resolve_alike(self) -> None:
        expected = self.model.resolve(CLIENTS, now_ms=self.now_ms)
        actual = self.store.resolve(CLIENTS, now_ms=self.now_ms)
        assert {one: unseen(held) for one, held in actual.items()} == {
            one: unseen(held) for one, held in expected.items()
        }
        for held in actual.values():
            for one in held:
                # It may lag, but not behind the connection's own beginning.
                known = self.model.get(one.connection_id, now_ms=self.now_ms)
                assert known is not None
                assert one.connected_at_ms <= one.last_seen_ms <= known.last_seen_ms


def by_id(one: Connection) -> str:
    return one.connection_id


def compare(make: Empty, *, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Run the machine from a fixed seed; it fails on the shortest run that tells them apart."""

    class ThisComparison(Comparison):
        def make(self) -> Harness:
            return make()

    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType] — untyped in hypothesis
        ThisComparison,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            phases=phases,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.valkey
def test_redis_does_what_the_model_does(valkey_port: int) -> None:
    with valkey(valkey_port) as empty:
        compare(empty, examples=150)


def test_dynamodb_does_what_the_model_does() -> None:
    with moto_dynamodb() as empty:
        compare(empty, examples=15)


# --- the machine finds what an example does not ----------------------------------------------


class ExpiresLate(MemoryConnectionStore):
    def _live(self, connection_id: str, now_ms: int) -> Connection | None:
        return super()._live(connection_id, now_ms - 1)


class LapsesLate(MemoryConnectionStore):
    def _is_forgotten(self, connection_id: str, now_ms: int) -> bool:
        return super()._is_forgotten(connection_id, now_ms - 1)


class OrdersByTimeAlone(MemoryConnectionStore):
    def _connections_of(self, client_id: str, now_ms: int) -> tuple[Connection, ...]:
        held = super()._connections_of(client_id, now_ms)
        return tuple(
            sorted(held, key=lambda one: (one.connected_at_ms, -int(one.connection_id[1:])))
        )


class SeesBackwards(MemoryConnectionStore):
    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        answer = super().touch(connection_id, now_ms=now_ms)
        if answer:
            self._connections[connection_id] = msgspec.structs.replace(
                self._connections[connection_id], last_seen_ms=now_ms
            )
        return answer


class ClaimsTheSeen(MemoryConnectionStore):
    def forget_unseen(self, connection_id: str, *, seen_before_ms: int, now_ms: int) -> bool:
        return super().forget_unseen(
            connection_id, seen_before_ms=seen_before_ms + 1, now_ms=now_ms
        )


class ForgetsWithoutTombstone(MemoryConnectionStore):
    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        answer = super().forget(connection_id, now_ms=now_ms)
        self._forgotten_until_ms.clear()
        return answer


class AdmitsAsPendingAgain(MemoryConnectionStore):
    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        answer = super().admit(connection, policy=policy, now_ms=now_ms)
        if connection.connection_id in self._connections:
            self._connections[connection.connection_id] = connection
        return answer


@pytest.mark.parametrize(
    "mutant",
    [
        ExpiresLate,
        LapsesLate,
        OrdersByTimeAlone,
        SeesBackwards,
        ClaimsTheSeen,
        ForgetsWithoutTombstone,
        AdmitsAsPendingAgain,
    ],
)
def test_the_machine_finds_a_store_that_is_wrong(
    mutant: Callable[[], MemoryConnectionStore],
) -> None:
    with pytest.raises(AssertionError):
        compare(lambda: Harness(mutant(), by_own_id), examples=300, phases=[Phase.generate])


def test_the_machine_finds_nothing_in_the_model_itself() -> None:
    compare(empty_memory, examples=100)
