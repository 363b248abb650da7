"""Many inboxes at a time: what is one request for all of them, and what stays each one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from cloudpush import accepting, delivery, draining
from cloudpush.errors import StoreUnavailable
from cloudpush.model import Drain, Eviction, ReceiptState
from cloudpush.pacing import Budget
from cloudpush.ports import Outcome
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from cloudpush.stores.memory_inbox import MemoryInboxStore
from tests.fakes.jobs import Sent
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.ports import Claim, Copies

NAMES = ["alice", "bob", "carol"]


class CountingInboxStore(MemoryInboxStore):
    """Remembers whom each claim was for."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: list[list[str]] = []

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        self.claimed.append([*client_ids])
        return super().claim(client_ids, owner=owner, lease_ms=lease_ms, now_ms=now_ms)


class FailingInboxStore(MemoryInboxStore):
    """Has a row of one client from which nothing can be settled; it has always just expired."""

    def __init__(self, client_id: str) -> None:
        super().__init__()
        self._client_id = client_id

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        claims = super().claim(client_ids, owner=owner, lease_ms=lease_ms, now_ms=now_ms)
        return [self._spoilt(each, now_ms) for each in claims]

    def read_expired(self, client_id: str, *, limit: int = 500, now_ms: int) -> Copies:
        if client_id == self._client_id:
            raise StoreUnavailable("told to fail")
        return super().read_expired(client_id, limit=limit, now_ms=now_ms)

    def _spoilt(self, claim: Claim, now_ms: int) -> Claim:
        if claim.inbox is None or claim.inbox.client_id != self._client_id:
            return claim
        row = msgspec.structs.replace(claim.inbox, next_expiry_ms=now_ms)
        return msgspec.structs.replace(claim, inbox=row)


async def push(stage: Stage) -> None:
    await accepting.accept(
        accepting.new_message(a_publication(), NAMES), mailroom=stage.mailroom, clock=stage.clock
    )


def states(stage: Stage) -> dict[str, ReceiptState]:
    message_id = a_publication().message_id
    page = stage.messages.read_receipts(message_id, now_ms=stage.clock())
    return {each.client_id: each.state for each in page.receipts}


async def test_clients_of_a_push_are_claimed_and_looked_after_together() -> None:
    inboxes = CountingInboxStore()
    stage = Stage(inboxes=inboxes)
    for name in NAMES:
        stage.connect(name)

    await push(stage)

    assert inboxes.claimed == [NAMES, NAMES]
    assert stage.jobs.sent == [Sent(Drain(client_ids=NAMES), delay_seconds=3)]
    assert states(stage) == dict.fromkeys(NAMES, ReceiptState.SENT)


async def test_a_client_that_takes_nothing_keeps_none_of_the_others() -> None:
    stage = Stage({"bob-1": [Outcome.THROTTLED]})
    for name in NAMES:
        stage.connect(name)

    await push(stage)

    sent, queued = ReceiptState.SENT, ReceiptState.QUEUED
    assert states(stage) == {"alice": sent, "bob": queued, "carol": sent}


def test_more_clients_than_one_job_holds_are_several_jobs() -> None:
    stage = Stage()
    names = [f"client-{number:03}" for number in range(101)]

    delivery.look_again(names, jobs=stage.jobs, delay_seconds=2)

    assert stage.jobs.sent == [
        Sent(Drain(client_ids=names[:100]), delay_seconds=2),
        Sent(Drain(client_ids=names[100:]), delay_seconds=2),
    ]


async def test_where_one_fails_the_others_get_what_is_theirs_and_the_job_fails() -> None:
    stage = Stage(inboxes=FailingInboxStore("bob"))
    for name in NAMES:
        stage.connect(name)

    with pytest.raises(StoreUnavailable):
        await push(stage)

    assert sorted(each.connection_id for each in stage.gateway.posts) == ["alice-1", "carol-1"]


async def test_a_resend_that_our_own_budget_refuses_is_no_attempt() -> None:
    stage = Stage()
    stage.connect("alice")
    await accepting.accept(
        accepting.new_message(a_publication(), ["alice"]),
        mailroom=stage.mailroom,
        clock=stage.clock,
    )
    budget = Budget(store=MemoryBudgetStore(), posts_per_second=1)
    paced = replace(stage.mailroom, budget=budget).at_a_pace(clock=stage.clock, pause=stage.pause)

    for _ in range(10):
        row = stage.inboxes.get("alice", now_ms=stage.clock())
        assert row is not None
        stage.clock.advance(ms=row.resend_at_ms - stage.clock())
        budget.pay(100, now_ms=stage.clock())
        await draining.drain(["alice"], mailroom=paced, clock=stage.clock)
    posted = [*stage.gateway.posts]
    row = stage.inboxes.get("alice", now_ms=stage.clock())
    stage.clock.advance(ms=3_600_000)
    await draining.drain(["alice"], mailroom=paced, clock=stage.clock)

    assert len(posted) == 1  # the first of all
    assert row is not None
    assert (row.attempt, row.in_flight) == (0, 1)
    assert len(stage.gateway.posts) == 2
    assert not any(isinstance(each, Eviction) for each in stage.jobs.jobs)


async def test_what_has_expired_is_settled_although_nobody_is_there() -> None:
    stage = Stage()
    await accepting.accept(
        accepting.new_message(a_publication(), ["alice"], ttl_ms=5000),
        mailroom=stage.mailroom,
        clock=stage.clock,
    )
    stage.clock.advance(ms=5000)

    await draining.drain(["alice"], mailroom=stage.mailroom, clock=stage.clock)

    assert states(stage) == {"alice": ReceiptState.EXPIRED}
