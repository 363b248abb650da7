from __future__ import annotations

from collections import Counter
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest

from cloudpush import fanout
from cloudpush.errors import HopLimitReached, QueueUnavailable
from cloudpush.model import SHARDS, Delivery, FanOut, shard_of
from cloudpush.ports import Outcome
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from cloudpush.delivery import Report

ALL_SHARDS = list(range(SHARDS))
PLENTY_MS = 60_000


class Broadcast:
    """A stage, and the jobs of one broadcast done until none is left."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.reports: list[Report] = []

    async def do(self, job: FanOut, *remaining_ms: int) -> None:
        left = chain(remaining_ms, repeat(remaining_ms[-1] if remaining_ms else PLENTY_MS))
        await fanout.fan_out(
            job,
            outlet=self.stage.outlet,
            jobs=self.stage.fan_outs,
            clock=self.stage.clock,
            remaining_ms=lambda: next(left),
            report=self.reports.append,
        )

    async def do_all(self, job: FanOut, *remaining_ms: int) -> list[FanOut]:
        done: list[FanOut] = []
        waiting = [job]
        while waiting:
            each = waiting.pop()
            await self.do(each, *remaining_ms)
            done.append(each)
            waiting += [sent for sent in self.stage.fan_outs.jobs if isinstance(sent, FanOut)]
            self.stage.fan_outs.sent.clear()
        return done


def connect_many(stage: Stage, count: int) -> list[str]:
    return [stage.connect(f"client{number}").connection_id for number in range(count)]


async def test_a_job_for_all_shards_is_divided_and_loses_none() -> None:
    stage = Stage()
    publication = a_publication()

    await Broadcast(stage).do(FanOut(publication=publication, shards=ALL_SHARDS))

    assert stage.fan_outs.jobs == [
        FanOut(publication=publication, shards=ALL_SHARDS[start : start + 16], hop=2)
        for start in range(0, SHARDS, 16)
    ]
    assert stage.gateway.posts == []


async def test_everybody_gets_it_once() -> None:
    stage = Stage()
    everybody = connect_many(stage, 300)

    await Broadcast(stage).do_all(FanOut(publication=a_publication(), shards=ALL_SHARDS))

    assert Counter(stage.posted_to) == Counter(everybody)


async def test_small_shards_are_posted_to_together() -> None:
    stage = Stage()
    shards = ALL_SHARDS[:16]
    in_them = [name for name in connect_many(stage, 300) if shard_of(name) in shards]
    broadcast = Broadcast(stage)

    await broadcast.do(FanOut(publication=a_publication(), shards=shards))

    assert [len(report.sent) for report in broadcast.reports] == [len(in_them)]


async def test_a_large_shard_is_posted_to_page_by_page() -> None:
    stage = Stage()
    names = [name for name in (f"c{n}" for n in range(400_000)) if shard_of(f"{name}-1") == 7]
    for name in names[:1200]:
        stage.connect(name)
    broadcast = Broadcast(stage)

    await broadcast.do(FanOut(publication=a_publication(), shards=[7]))

    assert [len(report.sent) for report in broadcast.reports] == [500, 500, 200]


async def test_hands_on_the_rest_before_its_time_is_up_and_loses_and_repeats_nobody() -> None:
    stage = Stage()
    everybody = connect_many(stage, 300)

    jobs = await Broadcast(stage).do_all(
        FanOut(publication=a_publication(), shards=ALL_SHARDS), fanout.RESERVE_MS - 1
    )

    assert Counter(stage.posted_to) == Counter(everybody)
    assert len(jobs) == 1 + SHARDS  # one divides, each of the others reads one page
    assert max(job.hop for job in jobs) == 2 + 15


async def test_goes_on_in_the_middle_of_a_shard() -> None:
    stage = Stage()
    names = [name for name in (f"c{n}" for n in range(400_000)) if shard_of(f"{name}-1") == 7]
    for name in names[:1200]:
        stage.connect(name)
    broadcast = Broadcast(stage)

    jobs = await broadcast.do_all(
        FanOut(publication=a_publication(), shards=[7, 8]), fanout.RESERVE_MS - 1
    )

    assert [job.shards for job in jobs] == [[7, 8], [7, 8], [7, 8], [8]]
    assert [job.cursor is None for job in jobs] == [True, False, False, True]
    assert Counter(stage.posted_to) == Counter(f"{name}-1" for name in names[:1200])


async def test_what_fails_for_now_becomes_jobs_of_the_deliver_queue() -> None:
    stage = Stage({"alice-1": [Outcome.THROTTLED]})
    alice = stage.connect("alice")
    publication = a_publication()

    await Broadcast(stage).do_all(FanOut(publication=publication, shards=ALL_SHARDS))

    assert stage.jobs.jobs == [Delivery(publication=publication, connections=[alice], attempt=2)]


async def test_a_rest_that_cannot_be_handed_on_fails_the_job() -> None:
    stage = Stage()
    stage.fan_outs.is_down = True

    with pytest.raises(QueueUnavailable):
        await Broadcast(stage).do(FanOut(publication=a_publication(), shards=[1, 2]), 1)


async def test_a_chain_that_is_too_long_ends() -> None:
    stage = Stage()
    stage.connect("alice")
    last = FanOut(publication=a_publication(), shards=[1], hop=fanout.MAX_HOPS)

    await Broadcast(stage).do(last)

    with pytest.raises(HopLimitReached):
        await Broadcast(stage).do(
            FanOut(publication=a_publication(), shards=[1], hop=fanout.MAX_HOPS + 1)
        )
