"""A quota that is shared: what fan-outs and their repetitions leave to everything else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cloudpush import accepting, fanout, performing
from cloudpush.model import FanOut
from cloudpush.pacing import Budget
from cloudpush.ports import Outcome
from cloudpush.queues.memory import MemoryJobQueue
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Job
    from cloudpush.ports import Post

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
    """A broadcast to `CLIENTS`, with the jobs that it leads to, in the order of time."""

    def __init__(self, *, rate: int, slow: int = 0) -> None:
        self.stage = Stage()
        self.queues = [MemoryJobQueue(now_ms=self.stage.clock) for _ in range(2)]
        everybody = [self.stage.connect(f"client{number}") for number in range(CLIENTS)]
        self.everybody = frozenset(each.connection_id for each in everybody)
        self.gateway = Quota(self.stage, frozenset(sorted(self.everybody)[:slow]))
        deliver, fan_out = self.queues
        self.mailroom = replace(
            self.stage.mailroom,
            outlet=replace(self.stage.outlet, jobs=deliver, gateway=self.gateway),
            expansions=fan_out,
            budget=Budget(store=MemoryBudgetStore(), posts_per_second=rate),
        )

    async def broadcast(self) -> None:
        """Push to all, and do all that follows; time passes where everybody waits."""
        message = accepting.new_message(a_publication(), None, qos=0)
        await accepting.accept(message, mailroom=self.mailroom, clock=self.stage.clock)
        while any(map(len, self.queues)):
            jobs = [job for queue in self.queues for job in queue.receive()]
            for job in jobs:
                await self._perform(job)
            if not jobs:
                self.stage.clock.advance(ms=100)

    async def _perform(self, job: Job) -> None:
        if isinstance(job, FanOut):
            await fanout.perform(
                job,
                mailroom=self.mailroom,
                clock=self.stage.clock,
                remaining_ms=lambda: 60_000,
                report=lambda _: None,
                pause=self.stage.pause,
            )
        else:
            await performing.perform(
                job, mailroom=self.mailroom, clock=self.stage.clock, pause=self.stage.pause
            )


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
    assert budget.pay(1, now_ms=10_000) == (1800 if is_quota else 800)
