"""Rule 6.2: whatever the order of events of two connections, the live one is reachable.

A connects, speaks and disconnects, twice because `$disconnect` may be duplicated; B connects and
speaks, and stays. Each event is an invocation of its own, so any of them may be late.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from cloudpush.model import Policy
from cloudpush.stores.memory import MemoryConnectionStore
from tests.contract.connection_stores import T0, by_own_id, connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudpush.ports import ConnectionStore
    from tests.contract.connection_stores import Empty

A, B = connection("A", at_ms=T0), connection("B", at_ms=T0 + 1)
A_EVENTS = ("connects", "speaks", "disconnects", "disconnects")
B_EVENTS = ("connects", "speaks")

Order = tuple[tuple[str, str], ...]


def merged(a_events: tuple[str, ...], b_events: tuple[str, ...]) -> Iterator[Order]:
    """Yield every order of both that keeps the order of each."""
    total = len(a_events) + len(b_events)
    for places in itertools.combinations(range(total), len(b_events)):
        a, b = iter(a_events), iter(b_events)
        yield tuple(("B", next(b)) if place in places else ("A", next(a)) for place in range(total))


IN_ORDER = list(merged(A_EVENTS, B_EVENTS))
OVERTAKEN = [
    order
    for a_events in sorted(set(itertools.permutations(A_EVENTS)))
    if a_events.index("connects") < a_events.index("speaks")
    for order in merged(a_events, B_EVENTS)
]
"""A's `$connect` and frames may also be overtaken by its own `$disconnect`."""


def play(store: ConnectionStore, order: Order, *, policy: Policy) -> list[str]:
    """Let the events happen, and return who is reachable at the end."""
    for now_ms, (who, event) in enumerate(order, start=T0 + 1):
        one = {"A": A, "B": B}[who]
        if event == "connects":
            store.admit(one, policy=policy, now_ms=now_ms)
        elif event == "speaks":
            store.touch(one.connection_id, now_ms=now_ms)
        else:
            store.forget(one.connection_id, now_ms=now_ms)
    found = store.resolve(["alice"], now_ms=T0 + 100)
    return [one.connection_id for one in found.get("alice", ())]


def test_there_are_this_many_orders() -> None:
    assert len(set(IN_ORDER)) == 15
    assert len(set(OVERTAKEN)) == 90
    assert set(IN_ORDER) < set(OVERTAKEN)


@pytest.mark.parametrize("policy", [Policy.MULTI, Policy.SINGLE])
def test_the_live_client_is_reachable_in_every_order(empty: Empty, policy: Policy) -> None:
    harness = empty()
    shards = {harness.shard_of(A), harness.shard_of(B)}

    for order in OVERTAKEN:
        harness = empty()
        reachable = play(harness.store, order, policy=policy)
        listed = [
            one.connection_id
            for shard in shards
            for one in harness.store.read_shard(shard, now_ms=T0 + 100).connections
        ]

        assert (reachable, listed) == (["B"], ["B"]), order
        assert harness.store.get("A", now_ms=T0 + 100) is None, order


class ForgetsByClientId(MemoryConnectionStore):
    """What the rule replaces: one pointer for a client, set by who speaks, deleted by anyone."""

    def __init__(self) -> None:
        super().__init__()
        self._known = {"A": A, "B": B}

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        self._forgotten_until_ms.clear()
        self.admit(self._known[connection_id], policy=Policy.MULTI, now_ms=now_ms)
        return super().touch(connection_id, now_ms=now_ms)

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        for one in self._connections_of(self._known[connection_id].client_id, now_ms):
            super().forget(one.connection_id, now_ms=now_ms)
        return True


def test_forgetting_by_client_id_fails_in_two_thirds_of_the_orders() -> None:
    unreachable = [
        order
        for order in IN_ORDER
        if "B" not in play(ForgetsByClientId(), order, policy=Policy.MULTI)
    ]

    assert len(unreachable) == 10
    assert by_own_id(A) != by_own_id(B)
