"""Everything that posts at the same time, and an account's quota."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudpush import accepting, delivery, fanout, inbox, performing, sweeping
from cloudpush.model import Drain, FanOut
from cloudpush.pacing import Budget
from cloudpush.ports import Outcome
from cloudpush.queues.memory import MemoryJobQueue
from cloudpush.stores.budget_rules import BURST_MS
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from tests.fakes.push_service import NOON_MS, Stage, a_publication
from tests.fakes.virtual_time import run_at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Job, Publication
    from cloudpush.ports import Post

SENT = Outcome.SENT
QUOTA = 1000
RATE = 700
BATCH = 20
"""What is paid, and posted, at once."""

RESERVE = QUOTA - RATE * (1000 + BURST_MS) // 1000 - BATCH
"""What is left for everything that asks nobody, in the worst second."""

CLIENTS = 500
SECONDS = 4


class Gateway:
    """`@connections` that takes ten milliseconds, notes when it was asked, and refuses some."""

    def __init__(self, slow: int) -> None:
        self._slow = slow
        self.asked_at: list[float] = []

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        del deadline_seconds
        self.asked_at += [asyncio.get_running_loop().time()] * len(posts)
        await asyncio.sleep(0.01)
        return [
            Outcome.THROTTLED if crc32(each.connection_id.encode()) % 100 < self._slow else SENT
            for each in posts
        ]

    async def delete_connection(self, connection_id: str) -> Outcome:
        del connection_id
        await self.post_to_connections([])
        self.asked_at.append(asyncio.get_running_loop().time())
        return SENT

    def most_in_a_second(self) -> int:
        times = sorted(self.asked_at)
        return max(bisect_left(times, at + 0.999) - index for index, at in enumerate(times))


class Account:
    """A deployment with every lane in use."""

    def __init__(self, *, slow: int, reserve: int) -> None:
        self.stage = Stage()
        self.reserve = reserve
        self.gateway = Gateway(slow)
        self.queues = [MemoryJobQueue(now_ms=self.clock) for _ in range(2)]
        self.mailroom = replace(
            self.stage.mailroom,
            outlet=replace(self.stage.outlet, jobs=self.queues[0], gateway=self.gateway),
            fan_out_jobs=self.queues[1],
            budget=Budget(store=MemoryBudgetStore(), posts_per_second=RATE),
        )

    def clock(self) -> int:
        return NOON_MS + int(asyncio.get_running_loop().time() * 1000)

    async def run(self, *, qos: Sequence[int], resends: int, silent: int) -> None:
        clients = [f"client{number}" for number in range(CLIENTS)]
        for each in clients:
            self.stage.connect(each)
        for number in range(silent):
            self.stage.connect(f"silent{number}", seconds_ago=600)
        self._keep_for([f"client{number}" for number in range(resends)])
        for number, each in enumerate(qos):
            publication = publication_number(number)
            message = accepting.new_message(publication, clients if each else None, qos=each)
            await accepting.accept(message, mailroom=self.mailroom, clock=self.clock)
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._use_reserve())
                tasks.create_task(self._sweep())
                while True:
                    for job in [job for queue in self.queues for job in queue.receive(10)]:
                        tasks.create_task(self._perform(job))
                    await asyncio.sleep(0.02)

    def _keep_for(self, clients: list[str]) -> None:
        """Have something wait for these, that is to be sent again now."""
        if not clients:
            return
        message = accepting.new_message(publication_number(99), clients, qos=1)
        self.mailroom.messages.create(message, look_at_ms=self.clock(), now_ms=self.clock())
        inbox.put(message, clients, mailroom=self.mailroom, now_ms=self.clock())
        self.queues[0].send(
            [
                Drain(client_ids=clients[start : start + BATCH])
                for start in range(0, len(clients), BATCH)
            ]
        )

    async def _use_reserve(self) -> None:
        """Push to single clients, evenly, as fast as the reserve allows."""
        connection = self.stage.find("client0-1")
        assert connection is not None
        while self.reserve:
            await asyncio.sleep(1 / self.reserve)
            await delivery.deliver(
                a_publication(), [connection], outlet=self.mailroom.outlet, clock=self.clock
            )

    async def _sweep(self) -> None:
        await sweeping.sweep(
            stale_after_ms=300_000,
            outlet=self.mailroom.at_a_pace(clock=self.clock).outlet,
            clock=self.clock,
            remaining_ms=lambda: 60_000,
        )

    async def _perform(self, job: Job) -> None:
        if isinstance(job, FanOut):
            await fanout.perform(
                job,
                mailroom=self.mailroom,
                clock=self.clock,
                remaining_ms=lambda: 60_000,
                report=lambda _: None,
            )
        else:
            await performing.perform(job, mailroom=self.mailroom, clock=self.clock)


def publication_number(number: int) -> Publication:
    return msgspec.structs.replace(a_publication(), message_id=f"{number:032}")


@settings(max_examples=12, deadline=None)
@given(
    qos=st.lists(st.sampled_from([0, 1]), min_size=1, max_size=3),
    resends=st.integers(0, CLIENTS),
    silent=st.integers(0, 200),
    slow=st.integers(0, 30),
    reserve=st.integers(0, RESERVE),
)
def test_no_second_has_more_requests_than_the_quota(
    qos: list[int], resends: int, silent: int, slow: int, reserve: int
) -> None:
    account = Account(slow=slow, reserve=reserve)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanout, "PAGE", BATCH)
        patch.setattr(fanout, "INBOX_PAGE", BATCH)
        patch.setattr(delivery, "CLIENTS_PER_JOB", BATCH)
        patch.setattr(delivery, "CONNECTIONS_PER_JOB", BATCH)
        run_at_once(account.run(qos=qos, resends=resends, silent=silent))

    assert len(account.gateway.asked_at) >= CLIENTS
    assert account.gateway.most_in_a_second() <= QUOTA
