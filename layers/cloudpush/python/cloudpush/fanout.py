"""Publish to all or to many: one publication into its deliveries, shard by shard, page by page.

    accepted ──► message, stored once ──► job ──► workers ──┬──► claim ► read ► serve ► save ─┐
                                           ▲                └────────────◄────────────────────┘
                                           └── another invocation, or the rest when time is up

A job is an invocation, and two workers share it: the posts of one are on their way while the
other asks the store. A worker leases shards that are free, reads a page of them, serves it
(`serving`), and saves how far it is. So at most one works on a shard; one that dies leaves a place,
and whoever claims its shards when the lease is over goes on there, with at most a page posted
twice. Invocations are many where there is much to do. Of QoS 0 each that has posted `DOUBLE_AFTER`
and was not made to wait asks for another; of QoS 1, where a client costs some twenty times as much,
they begin as many.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloudpush import serving
from cloudpush.errors import HopLimitReached
from cloudpush.model import FanOut, MessageState, Place
from cloudpush.pacing import Purse
from cloudpush.ports import FanOutStep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Message, Posted
    from cloudpush.outcomes import Report
    from cloudpush.serving import Leg

PAGE: Final = 200
"""Connections that are read and posted between one `save` and the next: what a crash repeats, of
each worker of an invocation."""

SIDE_BY_SIDE: Final = 2
"""So many workers share an invocation of QoS 0: while the posts of one are on their way, the other
asks the store. Of QoS 1 it is one: its time goes to the store in any case."""

INBOX_PAGE: Final = 100
"""Clients of QoS 1 that are served between one `save` and the next."""

SHARDS_AT_ONCE: Final = 8
"""How many shards a worker begins with; it works on fewer where they are large. One that was asked
to help begins with a single one: in DynamoDB each that is begun makes every `save` dearer."""

LEASE_MS: Final = 20_000
"""How long a worker has its shards without saving: longer than a page takes."""

RESERVE_MS: Final = 10_000
"""When less of the invocation's time is left, the rest is handed on."""

INBOX_RESERVE_MS: Final = 25_000
"""The same, of QoS 1: the writers of a page's inboxes may take some time each."""

LOOK_MS: Final = 500
"""So often a worker looks whether the publication was paused or cancelled."""

MAX_WAIT_MS: Final = 5_000
"""A worker that would wait longer for the budget hands on, and its environment is free."""

DOUBLE_AFTER: Final = 5_000
"""Posts after which a worker asks for another one."""

DOUBLINGS: Final = 4
"""How often the number of workers may double."""

INVOCATIONS: Final = 2**DOUBLINGS
"""At most so many."""

MAX_HOPS: Final = 1000
"""How many jobs may follow from one another."""


def first_jobs(message: Message) -> Sequence[FanOut]:
    """Return the jobs that its fan-out begins with."""
    if message.qos:
        return [FanOut(message_id=message.message_id)] * min(INVOCATIONS, message.shards)
    return [FanOut(message_id=message.message_id, doublings=DOUBLINGS)]


async def perform(
    job: FanOut,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    remaining_ms: Callable[[], int],
    report: Callable[[Report], None],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Work at a fan-out until nothing is free, it was stopped, or the time is up.

    Args:
        job: which publication.
        mailroom: the ports.
        clock: milliseconds since the epoch.
        remaining_ms: how long this invocation has still to live.
        report: takes what became of each page.
        pause: waits so many seconds, where the budget is used up.

    Raises:
        HopLimitReached: this job is the last of too long a chain.
        StoreUnavailable, QueueUnavailable: the job must be done again, from what was saved.
    """
    if job.hop > MAX_HOPS:
        raise HopLimitReached(f"{job.message_id} was handed on {MAX_HOPS} times")
    record = mailroom.messages.begin(job.message_id, now_ms=clock())
    if record is None or not record.is_open:
        return
    if record.stage is MessageState.SCHEDULED:  # a queue's clock and ours are not the same
        delay_ms = record.message.due_at_ms - clock()
        mailroom.fan_out_jobs.send([job], delay_seconds=max(1, -(-delay_ms // 1000)))
        return
    if record.stage is not MessageState.SENDING:
        return
    if record.message.is_too_late(clock()):
        mailroom.messages.finish(job.message_id, now_ms=clock())
        return
    workers = [
        _Worker(
            message=record.message,
            owner=mailroom.new_id(),
            hop=job.hop,
            doublings=0 if number else job.doublings,
            is_helper=not record.message.qos and job.doublings < DOUBLINGS,
            mailroom=mailroom,
            clock=clock,
            remaining_ms=remaining_ms,
            report=report,
            pause=pause,
        )
        for number in range(1 if record.message.qos else SIDE_BY_SIDE)
    ]
    ends = await asyncio.gather(*(each.run() for each in workers), return_exceptions=True)
    delays = [each.goes_on_after_ms for each in workers if each.goes_on_after_ms is not None]
    if delays and not any(each.is_over for each in workers):
        # One job for all of them, or there would be twice as many with each that follows. Also
        # where one failed: the other may be the only one that knows when a lease ends.
        workers[0].send(max(each.doublings for each in workers), delay_ms=min(delays))
    for each in workers:
        each.purse.settle()
    for end in ends:
        if end is not None:
            raise end


@dataclass(kw_only=True)
class _Worker:
    """Who works on shards that nobody else has."""

    message: Message
    owner: str
    hop: int
    doublings: int
    """How often it may still ask for another invocation."""
    is_helper: bool
    """Whether it was asked for because there is much to do."""
    mailroom: Mailroom
    clock: Callable[[], int]
    remaining_ms: Callable[[], int]
    report: Callable[[Report], None]
    pause: Callable[[float], Awaitable[object]]
    posted: int = 0
    """Since another invocation was asked for."""
    looked_at_ms: int = 0
    goes_on_after_ms: int | None = None
    """When a job is to go on, seen from the end of this one; None where none is needed."""
    is_over: bool = False
    """Whether it found that nothing is left."""

    def __post_init__(self) -> None:
        """Take the pace that goes with the message."""
        is_kept = self.message.qos > 0
        self.page = INBOX_PAGE if is_kept else PAGE
        self.reserve_ms = INBOX_RESERVE_MS if is_kept else RESERVE_MS
        # How many shards to work on at a time. Of QoS 1 they are dealt out to all workers.
        self.widest = -(-self.message.shards // INVOCATIONS) if is_kept else SHARDS_AT_ONCE
        self.width = 1 if self.is_helper else self.widest
        self.looked_at_ms = self.clock()
        self.purse = Purse(self.mailroom.budget, clock=self.clock)

    async def run(self) -> None:
        """Claim, read, post and save, again and again."""
        held: Sequence[Place] = ()
        while True:
            if not held:
                held = self._claim()
            if not held:
                return
            if not self._may_go_on():
                self._save(FanOutStep(released=held))
                return
            if self.remaining_ms() < self.reserve_ms:
                self._save(FanOutStep(released=held))
                self.goes_on_after_ms = 0
                return
            rest = await self._advance(held)
            if rest is None:
                return
            held = rest
            self._grow()

    def _claim(self) -> Sequence[Place]:
        claim = self.mailroom.fan_outs.claim(
            self.message, owner=self.owner, limit=self.width, lease_ms=LEASE_MS, now_ms=self.clock()
        )
        if claim.is_over:
            self.is_over = True
            self.mailroom.messages.finish(self.message.message_id, now_ms=self.clock())
        if claim.look_again_at_ms is not None:
            # Whoever holds the rest may have died: then a job does it, that asks for no others.
            self.doublings = 0
            self.goes_on_after_ms = max(0, claim.look_again_at_ms - self.clock())
        return claim.places

    def _may_go_on(self) -> bool:
        """Look now and then whether somebody has paused or cancelled it, or its time is over."""
        now_ms = self.clock()
        if now_ms - self.looked_at_ms < LOOK_MS:
            return True
        self.looked_at_ms = now_ms
        if self.message.is_too_late(now_ms):
            self.mailroom.messages.finish(self.message.message_id, now_ms=now_ms)
            return False
        stage = self.mailroom.messages.read_stage(self.message.message_id, now_ms=now_ms)
        return stage is MessageState.SENDING

    async def _advance(self, held: Sequence[Place]) -> Sequence[Place] | None:
        """Serve a page of these shards; return the places where to go on, None if not now."""
        legs = serving.read(
            self.message,
            held,
            limit=max(1, self.page // len(held)),
            mailroom=self.mailroom,
            now_ms=self.clock(),
        )
        posts = serving.expected_posts(self.message, legs)
        if not await self._pay(posts):
            self._save(FanOutStep(released=held))
            return None
        posted = await self._serve(legs)
        places: list[Place] = []
        finished: list[int] = []
        for place, leg in zip(held, legs, strict=True):
            if leg.cursor is None:
                finished.append(place.shard)
            else:
                places.append(Place(shard=place.shard, cursor=leg.cursor))
        if not finished and len(places) > 1:
            # Large shards: fewer at a time make longer pages, and leave the others to others.
            self.width = max(1, len(places) // 4)
        elif not places and posts <= self.page // 2 and not any(each.cursor for each in held):
            self.width = min(2 * self.width, self.widest)  # small ones, each read at one go
        going_on = places[: self.width]
        step = FanOutStep(
            held=going_on, released=places[self.width :], finished=finished, posted=posted
        )
        kept = self._save(step)
        return [each for each in going_on if each.shard in kept]

    async def _pay(self, posts: int) -> bool:
        """Pay for posts, and wait until the budget allows them; False if that takes too long."""
        longest_ms = max(0, min(MAX_WAIT_MS, self.remaining_ms() - self.reserve_ms))
        wait_ms = self.purse.pay_for(posts, longest_wait_ms=longest_ms)
        if wait_ms > longest_ms:
            self.goes_on_after_ms = wait_ms
            return False
        if wait_ms:
            self.posted = 0  # the budget is used up: another worker would only wait as well
            await self.pause(wait_ms / 1000)
        return True

    async def _serve(self, legs: Sequence[Leg]) -> Posted:
        served = await serving.serve(self.message, legs, mailroom=self.mailroom, clock=self.clock)
        report = served.report
        self.report(report)
        self.purse.spend(report.posts)  # of QoS 1, what waits for whom shows only by now
        budget = self.mailroom.budget
        if self.message.qos and budget is not None:
            budget.heed(throttled=report.throttled, posts=report.posts, now_ms=self.clock())
        self.posted += report.posts
        return served.posted

    def _save(self, step: FanOutStep) -> frozenset[int]:
        return self.mailroom.fan_outs.save(
            self.message.message_id,
            owner=self.owner,
            step=step,
            lease_ms=LEASE_MS,
            now_ms=self.clock(),
        )

    def _grow(self) -> None:
        """Ask for another invocation, where there is much to do."""
        if self.posted >= DOUBLE_AFTER and self.doublings:
            self.posted = 0
            self.doublings -= 1
            self.send(self.doublings)

    def send(self, doublings: int, *, delay_ms: int = 0) -> None:
        """Have a job go on, after this time in whole seconds."""
        job = FanOut(message_id=self.message.message_id, doublings=doublings, hop=self.hop + 1)
        self.mailroom.fan_out_jobs.send([job], delay_seconds=max(0, -(-delay_ms // 1000)))
