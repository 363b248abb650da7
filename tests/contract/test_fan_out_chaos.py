"""A fan-out on every store while workers die, records repeat and come in any order, leases end."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random  # noqa: TID251 — seeded by the test
from typing import TYPE_CHECKING, Any

import pytest

from cloudpush import accepting, fanout
from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import FanOut, Policy
from cloudpush.ports import Outcome
from cloudpush.queues.memory import MemoryJobQueue
from cloudpush.stores.memory import MemoryConnectionStore
from tests.contract.connection_stores import T0, connection
from tests.contract.kept_stores import a_publication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.ports import Post
    from tests.contract.kept_stores import Kept

CONNECTIONS = 900
PAGE = 32


class Died(BaseException):
    """A worker was killed; nothing catches it on its way."""


class Sockets:
    """`@connections` that counts who was posted to; others run while a post is under way."""

    def __init__(self) -> None:
        self.posted: Counter[str] = Counter()

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        del deadline_seconds
        await asyncio.sleep(0)
        self.posted.update(each.connection_id for each in posts)
        return [Outcome.SENT] * len(posts)

    async def delete_connection(self, connection_id: str) -> Outcome:
        raise NotImplementedError(connection_id)


class World:
    """One fan-out, and what goes wrong with it; everything follows from the seed."""

    def __init__(self, kept: Kept, seed: int) -> None:
        self.chance = Random(seed)
        self.now_ms = T0
        self.deaths = 0
        self.lapses = 0
        self.sockets = Sockets()
        self.connections = MemoryConnectionStore()
        self.queue = MemoryJobQueue(
            now_ms=lambda: self.now_ms, duplicates=True, reorders=True, seed=seed
        )
        names = (f"worker-{number}" for number in range(1_000_000))
        self.mailroom = Mailroom(
            outlet=Outlet(
                store=self.connections,
                jobs=MemoryJobQueue(now_ms=lambda: self.now_ms),
                gateway=self.sockets,
            ),
            inboxes=kept.inboxes,
            messages=kept.messages,
            fan_outs=self._deadly(kept.fan_outs),
            fan_out_jobs=self.queue,
            new_id=names.__next__,
        )

    def connect(self, count: int) -> set[str]:
        """Store connections; some shards of the 256 get many of them."""
        for number in range(count):
            one = connection(f"c{number}", f"client{number}")
            self.connections.admit(one, policy=Policy.MULTI, now_ms=T0)
        return {f"c{number}" for number in range(count)}

    async def run(self, message_id: str) -> None:
        """Do jobs, up to three side by side, until the fan-out is done and no job is left."""
        while True:
            jobs = self.queue.receive(self.chance.randint(1, 3))
            await asyncio.gather(*(self._attempt(job) for job in jobs))
            record = self.mailroom.messages.get(message_id, now_ms=self.now_ms)
            assert record is not None
            if not record.is_open and not len(self.queue):
                return
            self.now_ms += self.chance.choice([0, 1000, 21_000])

    async def _attempt(self, job: Any) -> None:  # noqa: ANN401 — a job
        try:
            await fanout.perform(
                job,
                mailroom=self.mailroom,
                clock=lambda: self.now_ms,
                remaining_ms=lambda: self.chance.choice([60_000] * 15 + [0]),
                report=lambda _: self._may_lapse(),
            )
        except Died:
            self.queue.send([job], delay_seconds=self.chance.choice([0, 30]))  # as SQS does

    def _may_lapse(self) -> None:
        """Let every lease end while its worker believes that it has it."""
        if self.chance.random() < 0.04:
            self.lapses += 1
            self.now_ms += fanout.LEASE_MS

    def _deadly(self, port: Any) -> Any:  # noqa: ANN401 — a port, and one that looks like it
        world = self

        class Deadly:
            def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — a method of the port
                method = getattr(port, name)

                def call(*args: object, **options: object) -> object:
                    if world.chance.random() < 0.08:
                        world.deaths += 1
                        raise Died
                    return method(*args, **options)

                return call

        return Deadly()


@pytest.mark.parametrize("seed", [1])
def test_everybody_is_served_and_what_is_repeated_is_bounded(
    kept: Kept, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "PAGE", PAGE)
    monkeypatch.setattr(fanout, "DOUBLE_AFTER", 100)
    world = World(kept, seed)
    everybody = world.connect(CONNECTIONS)
    message = accepting.new_message(a_publication(), None, qos=0)
    kept.messages.create(message, look_at_ms=T0, now_ms=T0)
    world.queue.send([FanOut(message_id=message.message_id, doublings=fanout.DOUBLINGS)])

    asyncio.run(world.run(message.message_id))

    posted = world.sockets.posted
    progress = kept.fan_outs.get(message.message_id, now_ms=world.now_ms)
    assert progress is not None
    assert set(posted) == everybody
    # A death or a lapse repeats at most the page of each of the six workers that were at it.
    assert posted.total() - CONNECTIONS <= PAGE * (world.deaths + 6 * world.lapses)
    assert CONNECTIONS - PAGE * world.deaths <= progress.posted.total <= posted.total()
    assert progress.open_shards == 0
    assert world.deaths > 0
