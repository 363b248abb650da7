"""Calls are atomic towards each other, on every implementation that needs several requests.

Each call is stopped before each of its requests, another call runs as a whole, and the first goes
on. What both answer and leave behind must be what one of the two serial orders answers and leaves
in the memory model. No threads: every point of interruption is tried, and each run is the same.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cloudpush.errors import TooManyConnections
from cloudpush.model import Policy
from tests.contract.connection_stores import (
    T0,
    Empty,
    Harness,
    connection,
    empty_memory,
    holding,
    unseen,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.model import Connection
    from cloudpush.ports import Admission, ConnectionStore

A, B = connection("A"), connection("B", at_ms=T0 + 1)
NOW = T0 + 1000


class Call(NamedTuple):
    name: str
    run: Callable[[ConnectionStore], object]


def admit(one: str, policy: Policy) -> Callable[[ConnectionStore], object]:
    def run(store: ConnectionStore) -> object:
        answer: Admission = store.admit({"A": A, "B": B}[one], policy=policy, now_ms=NOW)
        return unseen(answer.replaced), answer.is_superseded

    return run


def touch(*, now_ms: int) -> Callable[[ConnectionStore], object]:
    return lambda store: store.touch("A", now_ms=now_ms)


def confirm(store: ConnectionStore) -> object:
    return store.confirm("A", now_ms=NOW)


def forget(store: ConnectionStore) -> object:
    return store.forget("A", now_ms=NOW)


def forget_unseen(store: ConnectionStore) -> object:
    return store.forget_unseen("A", seen_before_ms=NOW - 1, now_ms=NOW)


CALLS = [
    Call("admit A single", admit("A", Policy.SINGLE)),
    Call("admit B single", admit("B", Policy.SINGLE)),
    Call("admit B multi", admit("B", Policy.MULTI)),
    Call("touch A", touch(now_ms=NOW)),
    Call("confirm A", confirm),
    Call("forget A", forget),
    Call("forget A unseen", forget_unseen),
]
BEFORE: dict[str, list[Call]] = {
    "unknown": [],
    "pending": [Call("admit A", admit("A", Policy.MULTI))],
    "open": [
        Call("admit A", admit("A", Policy.MULTI)),
        Call("touch A", touch(now_ms=T0 + 1)),
    ],
}


def look(harness: Harness) -> object:
    """Return all that a caller can find out, tombstones included (by admitting again)."""
    store = harness.store
    shards = sorted({harness.shard_of(A), harness.shard_of(B)})
    seen = [store.get("A", now_ms=NOW), store.get("B", now_ms=NOW)]
    resolved = unseen(store.resolve(["alice"], now_ms=NOW).get("alice", ()))
    listed = [one for shard in shards for one in store.read_shard(shard, now_ms=NOW).connections]
    for one in (A, B):
        store.admit(one, policy=Policy.MULTI, now_ms=NOW)
    afterwards = unseen(store.resolve(["alice"], now_ms=NOW).get("alice", ()))
    return seen, resolved, sorted(listed, key=lambda one: one.connection_id), afterwards


def serial(before: list[Call], first: Call, second: Call) -> tuple[object, object, object]:
    """Return both answers, `first`'s first, and what is left, on the model."""
    harness = empty_memory()
    for call in before:
        call.run(harness.store)
    one = first.run(harness.store)
    other = second.run(harness.store)
    return one, other, look(harness)


def interrupted(
    harness: Harness, before: list[Call], first: Call, second: Call, *, at_request: int
) -> tuple[object, object, object] | None:
    """Run `second` before the given request of `first`; None if there is no such request."""
    for call in before:
        call.run(harness.store)
    requests = itertools.count()
    answers: list[object] = []

    def interrupt() -> None:
        if next(requests) == at_request:
            harness.before_request.remove(interrupt)
            answers.append(second.run(harness.store))

    harness.before_request.append(interrupt)
    one = first.run(harness.store)
    if interrupt in harness.before_request:
        harness.before_request.remove(interrupt)
        return None
    return one, answers[0], look(harness)


@pytest.mark.parametrize("first", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("state", BEFORE)
def test_a_call_that_is_interrupted_by_another_is_as_if_one_came_first(
    empty: Empty, state: str, first: Call
) -> None:
    before = BEFORE[state]
    for second in CALLS:
        one, other, left = serial(before, second, first)
        allowed = [serial(before, first, second), (other, one, left)]
        for at_request in itertools.count():
            outcome = interrupted(empty(), before, first, second, at_request=at_request)
            if outcome is None:
                break
            assert outcome in allowed, (second.name, at_request)


def connect_within(
    harness: Harness, store: ConnectionStore, connections: list[Connection], *, at_request: int
) -> tuple[list[str], bool]:
    """Admit them all at once: each is stopped before the given request for all that follow it.

    Return whom the store let in, and whether anybody was stopped.
    """
    one, *others = connections
    requests = itertools.count()
    admitted: list[str] = []
    is_stopped = False

    def stop() -> None:
        nonlocal is_stopped
        if next(requests) == at_request:
            harness.before_request.remove(stop)
            is_stopped = True
            if others:
                found, _ = connect_within(harness, store, others, at_request=at_request)
                admitted.extend(found)

    harness.before_request.append(stop)
    with contextlib.suppress(TooManyConnections):
        store.admit(one, policy=Policy.MULTI, now_ms=NOW)
        admitted.append(one.connection_id)
    if stop in harness.before_request:
        harness.before_request.remove(stop)
    return admitted, is_stopped


def test_of_connects_at_the_same_time_no_more_are_let_in_than_a_client_may_hold(
    empty: Empty,
) -> None:
    racers = [connection(f"c{number}") for number in range(6)]
    at_request = 0
    while True:
        harness = empty()
        store = holding(harness, most=2)

        admitted, is_stopped = connect_within(harness, store, racers, at_request=at_request)

        if not is_stopped:
            break
        held = store.resolve(["alice"], now_ms=NOW)["alice"]
        assert len(admitted) == 2, at_request
        assert sorted(admitted) == [each.connection_id for each in held], at_request
        at_request += 1
    is_in_memory = harness.redis is None and harness.dynamodb is None
    assert (at_request == 0) == is_in_memory
