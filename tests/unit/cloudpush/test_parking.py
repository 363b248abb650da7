"""Single clients that do not read, and the pages of fan-outs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from cloudpush import accepting, delivery, fanout, parking, performing
from cloudpush.model import Delivery, FanOut
from cloudpush.ports import Outcome
from cloudpush.queues.memory import MemoryJobQueue
from tests.fakes.push_service import NOON_MS, Stage, a_publication
from tests.fakes.virtual_time import run_at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Connection
    from cloudpush.outcomes import Report
    from cloudpush.ports import Post

OTHERS = 195
SLOW = 5
POST_SECONDS = 0.01
PATIENCE_SECONDS = 2.0


async def fan_out(stage: Stage, connections: Sequence[Connection]) -> Report:
    return await delivery.deliver(
        a_publication(), connections, is_fanned_out=True, outlet=stage.outlet, clock=stage.clock
    )


class TestMark:
    @pytest.mark.parametrize("failure", [Outcome.THROTTLED, Outcome.UNAVAILABLE])
    async def test_who_failed_twice_is_left_to_a_job(self, failure: Outcome) -> None:
        stage = Stage({"alice-1": [failure] * 9})
        alice, bob = (stage.connect(name) for name in ("alice", "bob"))
        for _ in range(2):
            await fan_out(stage, [alice, bob])
        stage.jobs.sent.clear()

        report = await fan_out(stage, [alice, bob])

        [job] = stage.jobs.jobs
        assert stage.posted_to == ["alice-1", "bob-1"] * 2 + ["bob-1"]
        assert (report.sent, report.waiting, report.parked) == ([bob], [alice], 1)
        assert report.posts == 1
        assert isinstance(job, Delivery)
        assert (list(job.connections), job.attempt) == ([alice], 2)

    async def test_a_page_tries_it_again_after_a_while(self) -> None:
        stage = Stage({"alice-1": [Outcome.THROTTLED] * 9})
        alice = stage.connect("alice")
        for _ in range(2):
            await fan_out(stage, [alice])
        stage.clock.advance(ms=parking.PARKED_MS - 1)
        await fan_out(stage, [alice])
        before = len(stage.posted_to)

        stage.clock.advance(ms=1)
        await fan_out(stage, [alice])

        assert (before, len(stage.posted_to)) == (2, 3)

    async def test_who_takes_one_is_not_parked(self) -> None:
        stage = Stage({"alice-1": [Outcome.THROTTLED, Outcome.SENT, Outcome.THROTTLED]})
        alice = stage.connect("alice")

        for _ in range(4):
            await fan_out(stage, [alice])

        assert stage.posted_to == ["alice-1"] * 4

    async def test_where_many_fail_it_is_the_gateway(self) -> None:
        stage = Stage({f"client{n}-1": [Outcome.THROTTLED] * 2 for n in range(10)})
        everybody = [stage.connect(f"client{n}") for n in range(10)]

        for _ in range(3):
            await fan_out(stage, everybody)

        assert len(stage.posted_to) == 30

    async def test_what_is_not_a_fan_out_is_posted(self) -> None:
        stage = Stage({"alice-1": [Outcome.THROTTLED] * 2})
        alice = stage.connect("alice")
        for _ in range(2):
            await fan_out(stage, [alice])

        report = await delivery.deliver(
            a_publication(), [alice], outlet=stage.outlet, clock=stage.clock
        )

        assert list(report.sent) == [alice]

    async def test_only_so_many_are_remembered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parking, "MOST", 3)
        stage = Stage({f"client{n}-1": [Outcome.THROTTLED] * 2 for n in range(4)})
        everybody = [stage.connect(f"client{n}") for n in range(4)]
        for _ in range(2):
            await fan_out(stage, everybody)
        before = len(stage.posted_to)

        await fan_out(stage, everybody)

        assert stage.posted_to[before:] == ["client0-1"]


class Gateway:
    """`@connections` that waits for whoever does not read, as long as the port allows it."""

    def __init__(self, slow: set[str]) -> None:
        self.slow = slow
        self.taken: set[str] = set()

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        del deadline_seconds
        ids = [each.connection_id for each in posts]
        await asyncio.sleep(PATIENCE_SECONDS if self.slow & set(ids) else POST_SECONDS)
        self.taken |= set(ids) - self.slow
        return [Outcome.UNAVAILABLE if each in self.slow else Outcome.SENT for each in ids]

    async def delete_connection(self, connection_id: str) -> Outcome:
        raise NotImplementedError(connection_id)


async def three_pushes_to_all() -> tuple[list[float], set[str], int]:
    """Return how long each took, who never got the last one, and how many posts were given up."""
    loop = asyncio.get_running_loop()

    def clock() -> int:
        return NOON_MS + int(loop.time() * 1000)

    stage = Stage()
    names = [f"client{number}" for number in range(OTHERS + SLOW)]
    everybody = {stage.connect(each).connection_id for each in names}
    gateway = Gateway({f"client{number}-1" for number in range(SLOW)})
    later, jobs = (MemoryJobQueue(now_ms=clock) for _ in range(2))
    outlet = replace(stage.outlet, gateway=gateway, jobs=later)
    mailroom = replace(stage.mailroom, outlet=outlet, fan_out_jobs=jobs)
    # In a function of its own, which does not know what the pages learned.
    deliver = replace(mailroom, outlet=replace(outlet, parking=parking.Parking()))
    took: list[float] = []
    for number in range(3):
        gateway.taken.clear()
        publication = msgspec.structs.replace(a_publication(), message_id=f"{number:032}")
        message = accepting.new_message(publication, None, qos=0)
        stage.messages.create(message, look_at_ms=clock(), now_ms=clock())
        began = loop.time()
        await fanout.perform(
            FanOut(message_id=message.message_id),
            mailroom=mailroom,
            clock=clock,
            remaining_ms=lambda: 60_000,
            report=lambda _: None,
        )
        took.append(loop.time() - began)
    gateway.slow = {"client0-1", "client1-1"}  # the others read again
    dropped = 0
    while len(later):
        for job in later.receive(100):
            report = await performing.perform(job, mailroom=deliver, clock=clock)
            dropped += len(report.dropped)
        await asyncio.sleep(1)
    return took, everybody - gateway.taken, dropped


def test_a_page_with_slow_clients_takes_as_long_as_the_others() -> None:
    took, missed, dropped = run_at_once(three_pushes_to_all())

    assert took[0] >= PATIENCE_SECONDS
    assert took[2] <= 32 * 2 * POST_SECONDS  # the pages of a small push, one after the other
    assert missed == {"client0-1", "client1-1"}
    assert dropped == 3 * 2
