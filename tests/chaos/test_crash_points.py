"""A fan-out whose environment is killed once, before or after each call that it makes of a port.

What is held: every target is served, and what a client sees twice it can tell by its number.
"""

from __future__ import annotations

import inspect
import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cloudpush import accepting, delivery, fanout, serving
from cloudpush.model import Receipts, messages
from cloudpush.queues.memory import MemoryJobQueue
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


TARGETS = 9
PAGE = 2
SHARD = 4
ROUNDS = 12
MOST_POINTS = 2000


class Killed(Exception):
    """The environment is gone."""


class Fuse:
    """Kills at one of the points that it is asked at: nothing is done until there is a new one."""

    def __init__(self, point: int) -> None:
        self._left = point
        self.is_dead = False

    @property
    def is_blown(self) -> bool:
        return self._left < 0

    def burn(self) -> None:
        self._left -= 1
        self.is_dead = self.is_dead or self._left == -1
        if self.is_dead:
            raise Killed

    def guard(self, port: Any) -> Any:  # noqa: ANN401 — a port, and one that looks like it
        fuse = self

        class Guarded:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                method = getattr(port, name)

                def call(*args: object, **options: object) -> object:
                    fuse.burn()
                    answer = method(*args, **options)
                    fuse.burn()
                    return answer

                async def wait(*args: object, **options: object) -> object:
                    fuse.burn()
                    answer = await method(*args, **options)
                    fuse.burn()
                    return answer

                return wait if inspect.iscoroutinefunction(method) else call

        return Guarded()


class Run:
    """One fan-out with a fuse; every third target is away."""

    def __init__(self, point: int, *, qos: int) -> None:
        self.stage = Stage()
        self.fuse = Fuse(point)
        self.targets = [f"client{number}" for number in range(TARGETS)]
        self.connected = [each for index, each in enumerate(self.targets) if index % 3]
        for each in self.targets:
            self.stage.inboxes.open(each, epoch="e", now_ms=self.stage.clock())
        for each in self.connected:
            self.stage.connect(each)
        self.queues = [MemoryJobQueue(now_ms=self.stage.clock) for _ in range(2)]
        stage, guard = self.stage, self.fuse.guard
        self.mailroom = replace(
            stage.mailroom,
            outlet=delivery.Outlet(
                store=guard(stage.store), jobs=guard(self.queues[0]), gateway=guard(stage.gateway)
            ),
            inboxes=guard(stage.inboxes),
            messages=guard(stage.messages),
            fan_outs=guard(stage.progress),
            fan_out_jobs=guard(self.queues[1]),
        )
        self.message = accepting.new_message(
            a_publication(), self.targets, qos=qos, receipts=Receipts.ALL
        )

    async def go(self) -> None:
        """Do what there is to do until everybody is served, or for long enough."""
        self.stage.messages.create(
            self.message, look_at_ms=self.stage.clock(), now_ms=self.stage.clock()
        )
        self.queues[1].send(fanout.first_jobs(self.message))
        for _ in range(ROUNDS):
            for queue in self.queues:
                for job in queue.receive(100):
                    self.fuse.is_dead = False
                    with suppress(Killed):
                        await self.stage.perform(job, mailroom=self.mailroom)
                    if self.fuse.is_dead:
                        queue.send([job], delay_seconds=30)
            if not self.is_open and set(self.seen) == set(self.connected):
                return
            self.stage.clock.advance(ms=31_000)

    @property
    def is_open(self) -> bool:
        record = self.stage.messages.get(self.message.message_id, now_ms=self.stage.clock())
        assert record is not None
        return record.is_open

    @property
    def seen(self) -> dict[str, set[object]]:
        """By client, the numbers under which the message came."""
        numbers: dict[str, set[object]] = defaultdict(set)
        for post in self.stage.gateway.posts:
            envelope = json.loads(post.data)
            numbers[envelope["to"]].add((envelope["messageId"], envelope.get("seq")))
        return dict(numbers)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "PAGE", PAGE)
    monkeypatch.setattr(fanout, "INBOX_PAGE", PAGE)
    monkeypatch.setattr(serving, "TARGETS_PER_SHARD", SHARD)
    monkeypatch.setattr(messages, "TARGETS_PER_SHARD", SHARD)


async def runs(*, qos: int) -> AsyncIterator[Run]:
    """Yield a run for each point at which it can be killed, and the one that reached none."""
    for point in range(MOST_POINTS):
        run = Run(point, qos=qos)
        await run.go()
        yield run
        if not run.fuse.is_blown:
            return


async def test_a_list_of_qos_0_reaches_everybody_wherever_it_is_killed() -> None:
    points = 0
    async for run in runs(qos=0):
        points += 1

        assert set(run.seen) == set(run.connected)
        assert not run.is_open

    assert points > 2 * TARGETS


async def test_what_is_kept_has_one_number_for_each_wherever_it_is_killed() -> None:
    message_id, points = a_publication().message_id, 0
    async for run in runs(qos=1):
        points += 1
        depths = {
            each: inbox.depth
            for each in run.targets
            if (inbox := run.stage.inboxes.get(each, now_ms=run.stage.clock()))
        }
        record = run.stage.messages.get(message_id, now_ms=run.stage.clock())

        assert depths == dict.fromkeys(run.targets, 1)
        assert run.seen == {each: {(message_id, 1)} for each in run.connected}
        assert record is not None
        assert (record.is_open, record.counts.accepted) == (False, TARGETS)

    assert points > 5 * TARGETS
