"""Bring a kept message to its targets, a part of them at a time.

A message is in parts: a hundred clients of a list each, or sixteen shards of everybody. A part is
done by its sender's own call where it is the only one, or by a job of the fan-out queue. Every
step may be repeated: an inbox that has a message does not take it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import fanout, inbox, publishing
from cloudpush.delivery import Report
from cloudpush.errors import HopLimitReached
from cloudpush.model import (
    SHARDS_PER_PART,
    TARGETS_PER_PART,
    Expansion,
    FanOut,
    MessageState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cloudpush.inbox import Mailroom
    from cloudpush.model import Job, Message

PAGE: Final = 100
"""Clients that are served at once."""

RESERVE_MS: Final = 25_000
"""When less of the invocation's time is left, the rest is handed on: a page may take long."""

MAX_HOPS: Final = 1000
"""How many jobs may follow from one another."""

MAX_DELAY_MS: Final = 15 * 60 * 1000
"""The longest that a queue keeps a job back."""


def send_parts(message: Message, parts: Sequence[int], *, mailroom: Mailroom, now_ms: int) -> None:
    """Hand parts of a message to the fan-out queue, to be expanded when it is due.

    One that is fanned out is one part, and one job for its first worker.

    Raises:
        QueueUnavailable: some were not taken.
        ValueError: it is due later than a queue waits.
    """
    delay_ms = max(0, message.due_at_ms - now_ms)
    jobs: list[Job] = [Expansion(message_id=message.message_id, part=part) for part in parts]
    if message.is_fanned_out and parts:
        jobs = [FanOut(message_id=message.message_id, doublings=fanout.DOUBLINGS)]
    mailroom.expansions.send(jobs, delay_seconds=-(-delay_ms // 1000))


async def perform(
    job: Expansion,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    remaining_ms: Callable[[], int],
) -> Report:
    """Do one job: nothing, where the message is over, cancelled, paused, or the part is done.

    Raises:
        HopLimitReached: this job is the last of too long a chain.
        StoreUnavailable, QueueUnavailable: the job has to be done again.
    """
    if job.hop > MAX_HOPS:
        raise HopLimitReached(f"{job.message_id} was handed on {MAX_HOPS} times")
    record = mailroom.messages.begin(job.message_id, now_ms=clock())
    if record is None or job.part not in record.open_parts:
        return Report()
    if record.stage is MessageState.SCHEDULED:  # a queue's clock and ours are not the same
        send_parts(record.message, [job.part], mailroom=mailroom, now_ms=clock())
        return Report()
    if record.stage is not MessageState.SENDING:
        return Report()
    expanded = await expand(
        record.message, job, mailroom=mailroom, clock=clock, remaining_ms=remaining_ms
    )
    return expanded.report


class Expanded(msgspec.Struct, frozen=True, kw_only=True):
    """What a part came to."""

    report: Report
    """Of the posts that were made."""
    offline: list[str]
    """The clients without a connection."""


async def expand(
    message: Message,
    job: Expansion,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    remaining_ms: Callable[[], int],
) -> Expanded:
    """Put a part's copies into inboxes and send them, page by page; then the part is finished."""
    if message.qos == 0:
        return Expanded(report=await _publish_once(message, job.part, mailroom, clock), offline=[])
    report, untracked = Report(), job.untracked
    offline: list[str] = []
    for client_ids, cursor in _pages(message, job, mailroom, clock):
        untracked += inbox.put(message, client_ids, mailroom=mailroom, now_ms=clock())
        sent, unreached = await inbox.send(client_ids, mailroom=mailroom, clock=clock)
        report += sent
        if message.clients is not None:  # of all, nobody wants the list
            offline += unreached
        if cursor is not None and remaining_ms() < RESERVE_MS:
            rest = msgspec.structs.replace(job, cursor=cursor, untracked=untracked, hop=job.hop + 1)
            mailroom.expansions.send([rest])
            return Expanded(report=report, offline=offline)
    mailroom.messages.finish_part(message.message_id, job.part, untracked=untracked, now_ms=clock())
    return Expanded(report=report, offline=offline)


async def _publish_once(
    message: Message, part: int, mailroom: Mailroom, clock: Callable[[], int]
) -> Report:
    """Publish a delayed message of QoS 0 to a list: as if its sender had sent it now.

    The part is finished first: of two jobs that do it, one fires. What fails then is lost, as a
    push of QoS 0 may be.
    """
    if not mailroom.messages.finish_part(message.message_id, part, now_ms=clock()):
        return Report()
    published = await publishing.publish(
        message.publication, _slice(message, part), outlet=mailroom.outlet, clock=clock
    )
    return published.report


def _slice(message: Message, part: int) -> list[str]:
    clients = message.clients or []
    return clients[part * TARGETS_PER_PART : (part + 1) * TARGETS_PER_PART]


def _pages(
    message: Message, job: Expansion, mailroom: Mailroom, clock: Callable[[], int]
) -> Iterator[tuple[Sequence[str], str | None]]:
    """Yield pages of clients, each with the cursor behind it, or None behind the last.

    Everybody is whoever has an inbox: each client gets one when it first connects.
    """
    if message.clients is not None:
        yield _slice(message, job.part), None
        return
    shards = range(job.part * SHARDS_PER_PART, (job.part + 1) * SHARDS_PER_PART)
    at, _, cursor = (job.cursor or f"{shards[0]} ").partition(" ")
    for shard in range(int(at), shards[-1] + 1):
        place: str | None = cursor or None
        while True:
            page = mailroom.inboxes.read_shard(shard, cursor=place, limit=PAGE, now_ms=clock())
            place = page.cursor
            is_last = place is None and shard == shards[-1]
            behind = f"{shard} {place}" if place is not None else f"{shard + 1} "
            yield page.client_ids, None if is_last else behind
            if place is None:
                break
        cursor = ""
