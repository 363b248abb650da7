"""Publish to all: one publication into its deliveries, shard by shard, page by page.

    accepted ──► message, stored once ──► job ──► worker ──┬──► claim ► read ► post ► save ─┐
                                           ▲               └────────────◄───────────────────┘
                                           └── another worker, or the rest when time is up

A worker leases shards that are free, reads a page of them, posts it, and saves how far it is. So
at most one works on a shard; one that dies leaves a place, and whoever claims its shards when the
lease is over goes on there, with at most a page posted twice. Workers are many where there is
much to do: each that has posted `DOUBLE_AFTER` and was not made to wait asks for another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloudpush import delivery
from cloudpush.errors import HopLimitReached
from cloudpush.model import RECORD_LIFETIME_MS, FanOut, MessageState, Place, Posted
from cloudpush.ports import FanOutStep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cloudpush.delivery import Report
    from cloudpush.inbox import Mailroom
    from cloudpush.model import Connection, Message

PAGE: Final = 400
"""Connections that are read and posted between one `save` and the next: what a crash repeats."""

SHARDS_AT_ONCE: Final = 16
"""How many shards a worker begins with; it works on fewer where they are large."""

LEASE_MS: Final = 20_000
"""How long a worker has its shards without saving: longer than a page takes."""

RESERVE_MS: Final = 10_000
"""When less of the invocation's time is left, the rest is handed on."""

POST_SECONDS: Final = 5.0
"""How long the posts of a page may take: with the bookkeeping, well below reserve and lease."""

LEAST_REFUSED: Final = 10
"""So many 429 in a page, and a twentieth of it, are the account's quota; fewer are clients that do
not read: those wait in the deliver queue, each for itself."""

LOOK_MS: Final = 500
"""So often a worker looks whether the publication was paused or cancelled."""

MAX_WAIT_MS: Final = 5_000
"""A worker that would wait longer for the budget hands on, and its environment is free."""

DOUBLE_AFTER: Final = 5_000
"""Posts after which a worker asks for another one."""

DOUBLINGS: Final = 4
"""How often the number of workers may double: so at most 16 work side by side."""

MAX_HOPS: Final = 1000
"""How many jobs may follow from one another."""


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
        StoreUnavailable, QueueUnavailable: the job must be done again; nothing that was saved is
            repeated.
    """
    if job.hop > MAX_HOPS:
        raise HopLimitReached(f"{job.message_id} was handed on {MAX_HOPS} times")
    record = mailroom.messages.begin(job.message_id, now_ms=clock())
    if record is None or not record.open_parts:
        return
    if record.stage is MessageState.SCHEDULED:  # a queue's clock and ours are not the same
        delay_ms = record.message.due_at_ms - clock()
        mailroom.expansions.send([job], delay_seconds=max(1, -(-delay_ms // 1000)))
        return
    if record.stage is not MessageState.SENDING:
        return
    worker = _Worker(
        job=job,
        message=record.message,
        owner=mailroom.new_id(),
        mailroom=mailroom,
        clock=clock,
        remaining_ms=remaining_ms,
        report=report,
        pause=pause,
    )
    await worker.run()


@dataclass(kw_only=True)
class _Worker:
    """One job's work."""

    job: FanOut
    message: Message
    owner: str
    mailroom: Mailroom
    clock: Callable[[], int]
    remaining_ms: Callable[[], int]
    report: Callable[[Report], None]
    pause: Callable[[float], Awaitable[object]]
    width: int = SHARDS_AT_ONCE
    """How many shards to work on at a time."""
    posted: int = 0
    """Since another worker was asked for."""
    looked_at_ms: int = 0

    def __post_init__(self) -> None:
        """Begin with as many doublings as the job leaves."""
        self.doublings = self.job.doublings
        self.looked_at_ms = self.clock()

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
            if self.remaining_ms() < RESERVE_MS:
                self._save(FanOutStep(released=held))
                self._send(self.doublings)
                return
            rest = await self._advance(held)
            if rest is None:
                return
            held = rest
            self._grow()

    def _claim(self) -> Sequence[Place]:
        claim = self.mailroom.fan_outs.claim(
            self.message.message_id,
            owner=self.owner,
            limit=self.width,
            lease_ms=LEASE_MS,
            ends_at_ms=self.message.expires_at_ms + RECORD_LIFETIME_MS,
            now_ms=self.clock(),
        )
        if claim.is_over:
            self.mailroom.messages.finish_part(self.message.message_id, 0, now_ms=self.clock())
        if claim.look_again_at_ms is not None:
            # Whoever holds the rest may have died: then this job does it.
            self._send(0, delay_ms=claim.look_again_at_ms - self.clock())
        return claim.places

    def _may_go_on(self) -> bool:
        """Look now and then whether somebody has paused or cancelled it."""
        now_ms = self.clock()
        if now_ms - self.looked_at_ms < LOOK_MS:
            return True
        self.looked_at_ms = now_ms
        stage = self.mailroom.messages.read_stage(self.message.message_id, now_ms=now_ms)
        return stage is MessageState.SENDING and now_ms < self.message.expires_at_ms

    async def _advance(self, held: Sequence[Place]) -> Sequence[Place] | None:
        """Serve a page of these shards; return the places where to go on, None if not now."""
        pages = self.mailroom.outlet.store.read_shards(
            held, limit=max(1, PAGE // len(held)), now_ms=self.clock()
        )
        connections = [each for page in pages for each in page.connections]
        if connections and not await self._wait_for_budget(len(connections)):
            self._save(FanOutStep(released=held))
            self._send(self.doublings, delay_ms=MAX_WAIT_MS)
            return None
        posted = await self._post(connections) if connections else Posted()
        places: list[Place] = []
        finished: list[int] = []
        for place, page in zip(held, pages, strict=True):
            if page.cursor is None:
                finished.append(place.shard)
            else:
                places.append(Place(shard=place.shard, cursor=page.cursor))
        if not finished and len(places) > 1:
            # Large shards: fewer at a time make longer pages, and leave the others to others.
            self.width = max(1, len(places) // 4)
        going_on = places[: self.width]
        kept = self._save(
            FanOutStep(
                held=going_on, released=places[self.width :], finished=finished, posted=posted
            )
        )
        return [each for each in going_on if each.shard in kept]

    async def _wait_for_budget(self, posts: int) -> bool:
        """Wait until so many posts may be made; False if that is too long for this invocation."""
        budget = self.mailroom.budget
        if budget is None:
            return True
        wait_ms = budget.store.take(posts, rate=budget.posts_per_second, now_ms=self.clock())
        if wait_ms > min(MAX_WAIT_MS, self.remaining_ms() - RESERVE_MS):
            return False
        if wait_ms:
            self.posted = 0  # the budget is used up: another worker would only wait as well
            await self.pause(wait_ms / 1000)
        return True

    async def _post(self, connections: Sequence[Connection]) -> Posted:
        report = await delivery.deliver(
            self.message.publication,
            connections,
            outlet=self.mailroom.outlet,
            clock=self.clock,
            deadline_seconds=POST_SECONDS,
        )
        self.report(report)
        budget = self.mailroom.budget
        least = max(LEAST_REFUSED, len(connections) // 20)
        if budget is not None and report.throttled >= least:
            budget.store.slow_down(now_ms=self.clock())
        self.posted += len(connections)
        return Posted(
            sent=len(report.sent),
            waiting=len(report.waiting),
            gone=len(report.gone),
            dropped=len(report.dropped),
        )

    def _save(self, step: FanOutStep) -> frozenset[int]:
        return self.mailroom.fan_outs.save(
            self.message.message_id,
            owner=self.owner,
            step=step,
            lease_ms=LEASE_MS,
            now_ms=self.clock(),
        )

    def _grow(self) -> None:
        """Ask for another worker, where there is much to do."""
        if self.posted >= DOUBLE_AFTER and self.doublings:
            self.posted = 0
            self.doublings -= 1
            self._send(self.doublings)

    def _send(self, doublings: int, *, delay_ms: int = 0) -> None:
        job = FanOut(message_id=self.message.message_id, doublings=doublings, hop=self.job.hop + 1)
        self.mailroom.expansions.send([job], delay_seconds=max(0, -(-delay_ms // 1000)))
