"""A quota that is shared: what fan-outs and their repetitions leave to everything else."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cloudpush import accepting
from cloudpush.errors import StoreUnavailable
from cloudpush.pacing import Budget, PacedManagementApi
from cloudpush.ports import Outcome, Post
from cloudpush.queues.memory import MemoryJobQueue
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.ports import BudgetStore

QUOTA = 1000
RATE = 700
RESERVE = 250
BURST = 500
CLIENTS = 4000


class Quota:
    """A gateway that takes `QUOTA` posts in each second, by a bucket as AWS has one.

    All else that the account does takes `RESERVE` a second. While the bucket is empty, it is
    refused as well: clients cannot connect.
    """

    def __init__(self, stage: Stage, slow: frozenset[str] = frozenset()) -> None:
        self._stage = stage
        self._slow = slow
        self._left = float(BURST)
        self._at_ms = stage.clock()
        self.refused = 0
        self.posted: Counter[str] = Counter()
        self.tries: Counter[int] = Counter()
        """Posts by second."""

    def _fill(self) -> None:
        elapsed = (self._stage.clock() - self._at_ms) / 1000
        self._at_ms = self._stage.clock()
        self._left = min(BURST, self._left + (QUOTA - RESERVE) * elapsed)

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        del deadline_seconds
        self._fill()
        return [self._take(each) for each in posts]

    def _take(self, post: Post) -> Outcome:
        self.tries[self._stage.clock() // 1000] += 1
        if self._left < 1:
            self.refused += 1
            return Outcome.THROTTLED
        self._left -= 1
        if post.connection_id in self._slow:
            return Outcome.THROTTLED
        self.posted[post.connection_id] += 1
        return Outcome.SENT

    async def delete_connection(self, connection_id: str) -> Outcome:
        raise NotImplementedError(connection_id)


class Deployment:
    """A broadcast to all clients, with the jobs that it leads to, in the order of time."""

    def __init__(self, *, rate: int, slow: int = 0, clients: int = CLIENTS) -> None:
        self.stage = Stage()
        self.queues = [MemoryJobQueue(now_ms=self.stage.clock) for _ in range(2)]
        everybody = [self.stage.connect(f"client{number}") for number in range(clients)]
        self.everybody = frozenset(each.connection_id for each in everybody)
        self.gateway = Quota(self.stage, frozenset(sorted(self.everybody)[:slow]))
        deliver, fan_out = self.queues
        self.mailroom = replace(
            self.stage.mailroom,
            outlet=replace(self.stage.outlet, jobs=deliver, gateway=self.gateway),
            fan_out_jobs=fan_out,
            budget=Budget(store=MemoryBudgetStore(), posts_per_second=rate),
        )

    async def broadcast(self) -> None:
        """Push to all, and do all that follows; time passes where everybody waits."""
        message = accepting.new_message(a_publication(), None, qos=0)
        await accepting.accept(message, mailroom=self.mailroom, clock=self.stage.clock)
        while any(map(len, self.queues)):
            jobs = [job for queue in self.queues for job in queue.receive()]
            for job in jobs:
                await self.stage.perform(job, mailroom=self.mailroom)
            if not jobs:
                self.stage.clock.advance(ms=100)


async def test_what_is_not_a_fan_out_has_its_reserve() -> None:
    deployment = Deployment(rate=RATE)

    await deployment.broadcast()

    gateway = deployment.gateway
    assert gateway.posted == Counter(deployment.everybody)
    assert gateway.refused == 0


async def test_what_is_tried_again_stands_in_the_same_lane() -> None:
    deployment = Deployment(rate=RATE, slow=CLIENTS // 4)

    await deployment.broadcast()

    gateway = deployment.gateway
    assert len(gateway.posted) == CLIENTS - CLIENTS // 4
    assert gateway.refused == 0
    assert max(gateway.tries.values()) <= 1.5 * RATE


async def test_a_page_whose_turn_is_far_away_costs_nothing() -> None:
    deployment = Deployment(rate=2, clients=600)  # a page of eight shards lasts for nine seconds
    began_ms = deployment.stage.clock()

    await deployment.broadcast()

    assert deployment.gateway.posted == Counter(deployment.everybody)
    assert 280 <= (deployment.stage.clock() - began_ms) / 1000 <= 340


async def test_a_rate_above_the_quota_finds_its_way_below_it() -> None:
    deployment = Deployment(rate=4 * QUOTA)

    await deployment.broadcast()

    gateway = deployment.gateway
    assert gateway.posted == Counter(deployment.everybody)
    assert gateway.refused < 0.75 * CLIENTS  # more than all, where nobody slows down


@pytest.mark.parametrize(
    ("throttled", "posts", "is_quota"), [(9, 9, False), (10, 200, True), (10, 220, False)]
)
def test_few_refusals_are_clients_that_do_not_read(
    throttled: int, posts: int, *, is_quota: bool
) -> None:
    store = MemoryBudgetStore()
    budget = Budget(store=store, posts_per_second=1000)

    budget.heed(throttled=throttled, posts=posts, now_ms=10_000)

    budget.pay(1000, now_ms=10_000)
    assert budget.pay(1, now_ms=10_000) == (1900 if is_quota else 900)


class TestPacedManagementApi:
    def make(self, stage: Stage, *, store: BudgetStore | None = None) -> PacedManagementApi:
        budget = Budget(store=store or MemoryBudgetStore(), posts_per_second=100)
        return PacedManagementApi(stage.gateway, budget, clock=stage.clock, pause=stage.pause)

    async def test_posts_and_deletions_pay_and_wait_for_their_turn(self) -> None:
        stage = Stage()
        paced = self.make(stage)
        posts = [Post("alice-1", b"{}"), Post("bob-1", b"{}")]

        outcomes = [await paced.post_to_connections(posts) for _ in range(7)]
        await paced.delete_connection("alice-1")

        assert outcomes == [[Outcome.SENT] * 2] * 7
        assert len(stage.gateway.posts) == 14
        assert stage.gateway.deleted == ["alice-1"]
        assert stage.pauses == [0.02, 0.02]  # after the ten of a burst, and one page

    async def test_what_is_asked_for_side_by_side_is_paid_at_once(self) -> None:
        stage = Stage()
        paced = self.make(stage)

        await asyncio.gather(
            *(paced.post_to_connections([Post(f"c{n}", b"{}")]) for n in range(110))
        )
        await paced.post_to_connections([Post("alice-1", b"{}")])

        assert stage.pauses == [1.0]

    async def test_nothing_is_sent_or_paid_whose_turn_is_too_far_away(self) -> None:
        stage = Stage()
        paced = self.make(stage)
        await paced.post_to_connections([Post(f"c{number}", b"{}") for number in range(320)])

        outcomes = [*await paced.post_to_connections([Post("alice-1", b"{}")] * 2)]
        outcomes.append(await paced.delete_connection("alice-1"))
        stage.clock.advance(ms=100)
        outcomes += await paced.post_to_connections([Post("bob-1", b"{}")])

        assert outcomes == [Outcome.DEFERRED] * 3 + [Outcome.SENT]
        assert stage.gateway.deleted == []
        assert stage.pauses == [3.0]

    async def test_many_that_are_refused_by_whoever_posts_slow_all_down(self) -> None:
        names = [f"c{number}" for number in range(10)]
        stage = Stage({each: [Outcome.THROTTLED] for each in names})
        paced = self.make(stage)

        await asyncio.gather(*(paced.post_to_connections([Post(each, b"{}")]) for each in names))
        await paced.post_to_connections([Post("alice-1", b"{}")] * 100)
        await paced.post_to_connections([Post("alice-1", b"{}")])

        assert stage.pauses == [2.0]  # and one where nobody slows down

    async def test_one_that_refuses_again_and_again_slows_nobody_down(self) -> None:
        stage = Stage({"alice-1": [Outcome.THROTTLED] * 20})
        paced = self.make(stage)

        for _ in range(10):
            await paced.post_to_connections([Post("alice-1", b"{}")])
        await paced.post_to_connections([Post("bob-1", b"{}")] * 100)
        await paced.post_to_connections([Post("bob-1", b"{}")])

        assert stage.pauses == [1.0]

    async def test_what_was_refused_is_told_though_nobody_can_slow_down(self) -> None:
        class Deaf(MemoryBudgetStore):
            def slow_down(self, *, now_ms: int) -> None:
                raise StoreUnavailable(f"down at {now_ms}")

        names = [f"c{number}" for number in range(10)]
        stage = Stage({each: [Outcome.THROTTLED] for each in names})
        paced = self.make(stage, store=Deaf())

        outcomes = await paced.post_to_connections([Post(each, b"{}") for each in names])

        assert outcomes == [Outcome.THROTTLED] * 10

    async def test_nothing_is_sent_while_nobody_can_pay(self) -> None:
        class Down(MemoryBudgetStore):
            def take(self, *_: object, **__: object) -> int:
                raise StoreUnavailable("down")

        stage = Stage()
        paced = self.make(stage, store=Down())

        outcomes = await paced.post_to_connections([Post("alice-1", b"{}")])

        assert outcomes == [Outcome.DEFERRED]
        assert stage.gateway.posts == []
