"""Bring envelopes to connections, and draw the consequences of what the gateway answers.

The last verb on a push's way out. Every caller that posts comes here: a publisher for the first
hundred connections, a broadcast for each page, and the jobs of the deliver queue.

    outcome                     delivery                welcome                 closing
    SENT                        confirm, if pending     confirm, if pending     delete, forget
    GONE, and may still open    try again               try again, at once      try again
    GONE, and was open          forget                  forget                  forget
    THROTTLED, UNAVAILABLE      try again               try again               try again
    TOO_LARGE, REFUSED          drop                    drop                    drop

«Try again» is a job with a delay for that one connection, never for the others of its batch,
and after `MAX_ATTEMPTS` it is given up. Deliveries that failed together come again apart. A
connection that has still answered nothing but 410 then, more than two minutes old, is not about to
open: it is forgotten. What an answer means is told by `outcomes`.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import protocol
from cloudpush.errors import QueueUnavailable
from cloudpush.model import YOUNG_MS, Connection, Delivery, Drain, Eviction, Welcome
from cloudpush.outcomes import (
    MAX_ATTEMPTS,
    Report,
    classify,
    keep_books,
    may_open_by,
    note_failures,
)
from cloudpush.parking import Parking
from cloudpush.ports import Outcome, Post

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from cloudpush.model import Job, Publication
    from cloudpush.pacing import Budget
    from cloudpush.ports import ConnectionStore, JobQueue, ManagementApi

CONNECTIONS_PER_JOB: Final = 100
"""At most so many connections, about 25 KB, stand in one job."""

CLIENTS_PER_JOB: Final = 100
"""So many inboxes are drained side by side, by one job."""

OPENING_PAUSES: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Seconds between the posts of CONNECTION to a socket that is about to open: 1.27 in all."""

LONGEST_DELAY_SECONDS: Final = 900
"""The longest that a queue keeps a job back."""

MAX_WAIT_MS: Final = 1_000
"""A job that would wait longer for the budget goes back into its queue."""

POST_SECONDS: Final = 10.0
"""How long the posts of one call may take."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """The ports that a push's way out needs."""

    store: ConnectionStore
    jobs: JobQueue
    """The deliver queue: where what must be tried again waits."""
    gateway: ManagementApi
    parking: Parking = field(default_factory=Parking)
    """Whom no page of a fan-out waits for."""


async def perform(
    job: Job,
    *,
    outlet: Outlet,
    budget: Budget | None = None,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Report:
    """Do one job of the deliver queue; what a fan-out left keeps to its budget.

    Raises:
        ValueError: the job is one for another queue.
        QueueUnavailable: what must be tried again could not be kept.
    """
    match job:
        case Welcome():
            return await welcome(job, outlet=outlet, clock=clock, pause=pause)
        case Delivery():
            return await _deliver_again(job, outlet, budget, clock, pause)
        case Eviction():
            code = protocol.CloseCode(job.close_code)
            return await close(
                [job.connection], code, attempt=job.attempt, outlet=outlet, clock=clock
            )
        case _:
            raise ValueError(f"not a job for deliver: {type(job).__name__}")


async def deliver(  # noqa: PLR0913 — what, to whom, for whom, and how long
    publication: Publication,
    connections: Sequence[Connection],
    *,
    attempt: int = 1,
    is_fanned_out: bool = False,
    outlet: Outlet,
    budget: Budget | None = None,
    clock: Callable[[], int],
    deadline_seconds: float = POST_SECONDS,
) -> Report:
    """Post a publication to these connections, all in flight together.

    The first attempt of a fan-out leaves those that are parked to a job.

    Raises:
        QueueUnavailable: what must be tried again could not be kept.
        StoreUnavailable: it was of a fan-out, and refusals could not be noted.
    """
    envelope = protocol.UnaddressedEnvelope(publication)
    parked: list[Connection] = []
    if is_fanned_out and attempt == 1:
        connections, parked = outlet.parking.divide(connections, now_ms=clock())
    posts = [Post(each.connection_id, envelope.address_to(each)) for each in connections]
    outcomes = await outlet.gateway.post_to_connections(posts, deadline_seconds=deadline_seconds)
    report = classify(
        connections, outcomes, attempt=attempt, may_open=may_open_by(outlet.store, clock())
    )
    if is_fanned_out:
        note_failures(connections, outcomes, parking=outlet.parking, now_ms=clock())
    if parked:
        report += Report(waiting=parked, parked=len(parked))
    # First what must not be lost. If this fails, the whole call does, and is repeated by whoever
    # made it: at least once. What follows is bookkeeping, and can be made up for.
    for seconds, together in _apart(report.waiting, attempt).items():
        outlet.jobs.send(
            [
                Delivery(
                    publication=publication,
                    connections=chunk,
                    attempt=attempt + 1,
                    is_fanned_out=is_fanned_out,
                )
                for chunk in _in_chunks(together)
            ],
            delay_seconds=seconds,
        )
    opened = _looked_after(report.sent, outlet.jobs)
    keep_books(outlet.store, opened=opened, closed=report.gone, now_ms=clock())
    if is_fanned_out and budget is not None:
        budget.heed(throttled=report.throttled, posts=report.posts, now_ms=clock())
    return report


async def _deliver_again(
    job: Delivery,
    outlet: Outlet,
    budget: Budget | None,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]],
) -> Report:
    """Deliver what failed before; what a fan-out left pays, and waits for its turn."""
    if job.is_fanned_out and not job.is_paid and budget is not None:
        wait_ms = budget.pay(len(job.connections), now_ms=clock())
        if wait_ms > MAX_WAIT_MS:
            paid = msgspec.structs.replace(job, is_paid=True)
            seconds = min(LONGEST_DELAY_SECONDS, -(-wait_ms // 1000))
            outlet.jobs.send([paid], delay_seconds=seconds)
            return Report()
        if wait_ms:
            await pause(wait_ms / 1000)
    return await deliver(
        job.publication,
        job.connections,
        attempt=job.attempt,
        is_fanned_out=job.is_fanned_out,
        outlet=outlet,
        budget=budget,
        clock=clock,
    )


async def welcome(
    job: Welcome,
    *,
    resumption: protocol.Resumption | None = None,
    outlet: Outlet,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Report:
    """Send CONNECTION as soon as the socket is open.

    The job is on its way while `$connect` still answers, and often wins. So it waits here for a
    little more than a second, in growing steps, before it becomes a job with a delay again.

    Raises:
        QueueUnavailable: what must be tried again could not be kept.
    """
    post = Post(
        job.connection.connection_id,
        protocol.encode_connection(job.connection, resumption, now_ms=clock()),
    )
    [outcome] = await outlet.gateway.post_to_connections([post])
    may_open = may_open_by(outlet.store, clock())
    for seconds in OPENING_PAUSES:
        if outcome is not Outcome.GONE or not may_open(job.connection):
            break
        await pause(seconds)
        [outcome] = await outlet.gateway.post_to_connections([post])
    report = classify([job.connection], [outcome], attempt=job.attempt, may_open=may_open)
    if report.waiting:
        outlet.jobs.send(
            [msgspec.structs.replace(job, attempt=job.attempt + 1)],
            delay_seconds=delay_seconds(job.attempt),
        )
    keep_books(outlet.store, opened=report.sent, closed=report.gone, now_ms=clock())
    return report


async def close(
    connections: Sequence[Connection],
    code: protocol.CloseCode,
    *,
    reason: str | None = None,
    attempt: int = 1,
    outlet: Outlet,
    clock: Callable[[], int],
) -> Report:
    """Tell these connections CLOSE, then delete and forget them; `sent` are those deleted.

    On the last attempt a connection is deleted even if CLOSE did not get through: it must not
    stay open for ever because its client does not read.

    Raises:
        QueueUnavailable: what must be tried again could not be kept.
    """
    now_ms = clock()
    is_last = attempt >= MAX_ATTEMPTS
    told = await outlet.gateway.post_to_connections(
        [
            Post(
                each.connection_id,
                protocol.encode_close(each, code, reason=reason, now_ms=now_ms),
            )
            for each in connections
        ]
    )
    outcomes = await asyncio.gather(
        *(
            _delete(each.connection_id, outlet.gateway)
            if outcome is Outcome.SENT or (is_last and outcome.is_temporary)
            else _same(outcome)
            for each, outcome in zip(connections, told, strict=True)
        )
    )
    # Its place in the store may be gone already, so age alone tells whether it is still to open.
    report = classify(
        connections,
        outcomes,
        attempt=attempt,
        may_open=lambda each: now_ms - each.connected_at_ms < YOUNG_MS,
    )
    if report.waiting:
        outlet.jobs.send(
            [
                Eviction(connection=each, close_code=code, reason=reason, attempt=attempt + 1)
                for each in report.waiting
            ],
            delay_seconds=delay_seconds(attempt),
        )
    keep_books(outlet.store, closed=[*report.sent, *report.gone], now_ms=clock())
    return report


def look_again(client_ids: Iterable[str], *, jobs: JobQueue, delay_seconds: int = 0) -> None:
    """Have jobs look at these clients' inboxes, after so long.

    Raises:
        QueueUnavailable: some were not taken.
    """
    wanted = sorted(set(client_ids))
    chunks = [
        wanted[start : start + CLIENTS_PER_JOB] for start in range(0, len(wanted), CLIENTS_PER_JOB)
    ]
    jobs.send([Drain(client_ids=each) for each in chunks], delay_seconds=delay_seconds)


def delay_seconds(attempt: int) -> int:
    """Return how long a job waits after this attempt: 1, 2, 4 seconds and so on."""
    return int(2 ** (attempt - 1))


def _apart(connections: Sequence[Connection], attempt: int) -> dict[int, list[Connection]]:
    """Group connections by how long each waits: one to two times `delay_seconds`, evenly.

    What failed together would else come again together, and fail again. The same connection waits
    for the same time in a repeat.
    """
    base = delay_seconds(attempt)
    groups: dict[int, list[Connection]] = defaultdict(list)
    for each in connections:
        jitter = zlib.crc32(f"{each.connection_id} {attempt}".encode()) % (base + 1)
        groups[base + jitter].append(each)
    return groups


def _in_chunks(connections: Sequence[Connection]) -> list[list[Connection]]:
    """Divide connections into what one job holds each."""
    return [
        list(connections[start : start + CONNECTIONS_PER_JOB])
        for start in range(0, len(connections), CONNECTIONS_PER_JOB)
    ]


def _looked_after(sent: Sequence[Connection], jobs: JobQueue) -> Sequence[Connection]:
    """Return those of these connections that may count as open from now on.

    A pending one has not had its welcome, which is late or was given up, and writers leave its
    inbox to that. So a job looks after the inbox, and comes before the connection is open. Where
    no job is taken it stays pending: the next post or frame opens it.
    """
    pending = {each.client_id for each in sent if not each.is_open}
    if not pending:
        return sent
    try:
        look_again(pending, jobs=jobs, delay_seconds=1)
    except QueueUnavailable:
        _log.warning("inboxes of new connections are not looked after yet", exc_info=True)
        return [each for each in sent if each.is_open]
    return sent


async def _delete(connection_id: str, gateway: ManagementApi) -> Outcome:
    outcome = await gateway.delete_connection(connection_id)
    return Outcome.SENT if outcome is Outcome.GONE else outcome  # closed meanwhile: as wanted


async def _same(outcome: Outcome) -> Outcome:
    return outcome
