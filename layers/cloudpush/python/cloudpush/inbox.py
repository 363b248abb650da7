"""Look after a client's inbox: what comes in, what goes out, and what is over.

    append ──► inbox ──► claim ──► post ──► «sent»        one writer at a time, by a lease
                 ▲                   │
                 │                   ▼
              settle ◄── «delivered» ◄── BUSINESS_ACK     the receipt first, then the inbox

Whatever crosses from a client's home in the store to a message's is written in the order of
`docs/adr/0009`: a crash between two steps leaves what the next look at the inbox puts right.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cloudpush import delivery, notifying, protocol
from cloudpush.delivery import Report
from cloudpush.model import Drain, Message, Receipt, ReceiptState, Welcome
from cloudpush.ports import Append, Grant, Outcome, Post
from cloudpush.protocol import CloseCode, Resumption, is_client_id
from cloudpush.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cloudpush.delivery import Outlet
    from cloudpush.model import Connection, Copy, Inbox, Job, Position
    from cloudpush.pacing import Budget
    from cloudpush.ports import (
        Claim,
        Copies,
        FanOutStore,
        InboxStore,
        JobQueue,
        MessageStore,
        Outgoing,
        Recorded,
    )

LEASE_MS: Final = 15_000
"""How long a writer has an inbox to itself without claiming again: longer than its posts take."""

POST_SECONDS: Final = 5.0
"""How long the posts of one claim may take."""

PAGE: Final = 500
"""So many messages are acknowledged, or expire, in one step."""

_METRICS: Final = {
    Append.APPENDED: "Appended",
    Append.DUPLICATE: "Duplicates",
    Append.FULL: "Rejected",
    Append.EXPIRED: "Expired",
}

PATIENCE_MS: Final = 8_000
"""After so long a writer hands what is left to a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailroom:
    """The ports that kept messages need."""

    outlet: Outlet
    inboxes: InboxStore
    messages: MessageStore
    fan_outs: FanOutStore
    expansions: JobQueue
    """The fan-out queue: the parts of messages that are still to be expanded, and fan-outs."""
    new_id: Callable[[], str]
    """Unguessable: names of writers, epochs."""
    notices: JobQueue | None = None
    """The queue of receipts to be told to their sender; None where nobody is told."""
    budget: Budget | None = None
    """Of fan-outs; None is not limited."""
    tally: Tally = field(default_factory=Tally)
    """What is counted and measured on the way."""


async def perform(
    job: Job,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Report:
    """Do one job of the deliver queue.

    Raises:
        ValueError: the job is one for another queue.
        StoreUnavailable, QueueUnavailable: it has to be done again.
    """
    match job:
        case Welcome():
            return await greet(job, mailroom=mailroom, clock=clock, pause=pause)
        case Drain():
            return await look_after(job.client_id, mailroom=mailroom, clock=clock)
        case _:
            return await delivery.perform(
                job, outlet=mailroom.outlet, budget=mailroom.budget, clock=clock, pause=pause
            )


def put(message: Message, client_ids: Sequence[str], *, mailroom: Mailroom, now_ms: int) -> int:
    """Put a message into the inboxes of these clients; return how many of them have no receipts.

    Idempotent. Receipts first: `queued` for a copy that is not there yet is put right by the
    repeat, a copy whose receipt nobody wrote would not be counted.

    Raises:
        StoreUnavailable: some have it, and a repeat gives it to the others.
    """
    valid = [each for each in client_ids if is_client_id(each)]
    tracked = [message.is_tracked(each) for each in valid]
    receipts = [
        _receipt(message, each, ReceiptState.MISSING, now_ms)
        for each in client_ids
        if not is_client_id(each) and message.is_tracked(each)
    ]
    receipts += [
        _receipt(message, each, ReceiptState.QUEUED, now_ms)
        for each, is_tracked in zip(valid, tracked, strict=True)
        if is_tracked
    ]
    _record(receipts, mailroom, now_ms)
    answers = mailroom.inboxes.append(
        valid,
        message.publication,
        tracked=tracked,
        expires_at_ms=message.expires_at_ms,
        epoch=mailroom.new_id(),
        now_ms=now_ms,
    )
    for answer, metric in _METRICS.items():
        mailroom.tally.count(metric, answers.count(answer))
    ends = {Append.FULL: ReceiptState.REJECTED, Append.EXPIRED: ReceiptState.EXPIRED}
    _record(
        [
            _receipt(message, client_id, ends[answer], now_ms)
            for client_id, is_tracked, answer in zip(valid, tracked, answers, strict=True)
            if is_tracked and answer in ends
        ],
        mailroom,
        now_ms,
    )
    return len(client_ids) - sum(map(message.is_tracked, client_ids))


async def send(
    client_ids: Sequence[str], *, mailroom: Mailroom, clock: Callable[[], int]
) -> tuple[Report, list[str]]:
    """Send what waits for these clients, side by side; return those that have no connection too.

    For them nothing is done: whoever connects later begins with what waits.
    """
    valid = [each for each in client_ids if is_client_id(each)]
    found = mailroom.outlet.store.resolve(valid, now_ms=clock())
    reached = {each: _opened(found[each]) for each in found}
    reports = await asyncio.gather(
        *(
            drain(each, mailroom=mailroom, clock=clock, connections=connections)
            for each, connections in reached.items()
            if connections
        )
    )
    report = Report()
    for each in reports:
        report += each
    return report, [each for each in valid if not reached.get(each)]


async def look_after(client_id: str, *, mailroom: Mailroom, clock: Callable[[], int]) -> Report:
    """Do what is due: settle what has expired, send again what was not acknowledged."""
    expire(client_id, mailroom=mailroom, now_ms=clock())
    return await drain(client_id, mailroom=mailroom, clock=clock)


async def drain(
    client_id: str,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    connections: Sequence[Connection] | None = None,
    has_new_run: bool = False,
) -> Report:
    """Send what waits for a client, if no other writer is at it.

    Args:
        client_id: whose inbox.
        mailroom: the ports.
        clock: milliseconds since the epoch.
        connections: the client's, where they were just read.
        has_new_run: whether the caller just opened a connection. If the lease is held then, its
            holder may know the connection as pending, and be about to park:

                holder   claims ──────── finds nobody open ──── parks: not at this fence, claims
                opener            opens               open again

            So the run begins once more, and a job looks again when the lease runs out, because
            the holder may have died.
    """
    owner = mailroom.new_id()
    report = Report()
    patience_ends_ms = clock() + PATIENCE_MS
    while True:
        now_ms = clock()
        claim = mailroom.inboxes.claim(client_id, owner=owner, lease_ms=LEASE_MS, now_ms=now_ms)
        if claim.grant is Grant.HELD and has_new_run and claim.inbox is not None:
            has_new_run = False
            mailroom.inboxes.open(client_id, epoch=claim.inbox.epoch, now_ms=now_ms)
            _look_again(client_id, claim.inbox.owned_until_ms - now_ms, mailroom)
            continue
        if claim.inbox is None or claim.grant is Grant.HELD:
            return report
        is_over, is_parked = claim.grant is Grant.IDLE, False
        match claim.grant:
            case Grant.EXPIRED:
                expire(client_id, mailroom=mailroom, now_ms=now_ms)
            case Grant.EXHAUSTED:
                report += await _close(claim, owner, mailroom, clock)
            case Grant.ENTRIES:
                first = claim.outgoing[0].entry.publication
                mailroom.tally.measure("InboxDepth", claim.inbox.depth)
                mailroom.tally.measure("InboxAge", max(0, now_ms - first.accepted_at_ms))
                connections = connections or _connections_of(client_id, mailroom, now_ms)
                posted = await _post(claim, owner, connections, mailroom, clock)
                report += posted.report
                is_over, is_parked = posted.is_over, posted.is_parked
                connections = None
            case _:
                pass
        if claim.timer_delay_ms is not None and not is_parked:
            _look_again(client_id, claim.timer_delay_ms, mailroom)
        if is_over:
            return report
        if clock() > patience_ends_ms:
            mailroom.inboxes.release(client_id, owner=owner, now_ms=clock())
            _look_again(client_id, 0, mailroom)
            return report


def acknowledge(
    client_id: str,
    *,
    through_seq: int | None = None,
    message_ids: Sequence[str] = (),
    epoch: str | None = None,
    mailroom: Mailroom,
    now_ms: int,
) -> Inbox | None:
    """Take a client's word that it has everything up to a seq, and these messages.

    What was not sent, or not to this log, it cannot have: that is passed over, and so is what
    was acknowledged before. Returns the inbox if anything changed.
    """
    row: Inbox | None = None
    while True:
        found = mailroom.inboxes.read_sent(
            client_id, through_seq=through_seq, message_ids=message_ids, limit=PAGE, now_ms=now_ms
        )
        if not found.copies or (epoch is not None and epoch != found.epoch):
            return row
        row = _end(client_id, found, ReceiptState.DELIVERED, mailroom, now_ms)
        if len(found.copies) < PAGE:
            return row


async def take_acknowledgement(
    sender: Connection,
    *,
    inbound: protocol.Inbound,
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Report:
    """Do what BUSINESS_ACK says, and go on sending where the window lets more out."""
    seq = inbound.seq
    is_seq = isinstance(seq, int) and not isinstance(seq, bool) and seq > 0
    row = acknowledge(
        sender.client_id,
        through_seq=seq if is_seq else None,
        message_ids=[inbound.message_id] if inbound.message_id else [],
        epoch=inbound.epoch if isinstance(inbound.epoch, str) else None,
        mailroom=mailroom,
        now_ms=clock(),
    )
    if row is None or row.depth <= row.in_flight:
        return Report()
    return await drain(sender.client_id, mailroom=mailroom, clock=clock)


def expire(client_id: str, *, mailroom: Mailroom, now_ms: int) -> None:
    """Settle what no client can get any more, because its time is over."""
    while True:
        found = mailroom.inboxes.read_expired(client_id, limit=PAGE, now_ms=now_ms)
        if found.copies:
            _end(client_id, found, ReceiptState.EXPIRED, mailroom, now_ms)
        if len(found.copies) < PAGE:
            return


def resume(
    client_id: str, position: Position | None, *, mailroom: Mailroom, now_ms: int
) -> Resumption:
    """Begin a new run of a client's inbox where the client stands.

    What it says that it has is acknowledged by it. Continuity is proven where the epoch is that
    of the log, and everything after the client's seq is retained: then nothing is lost but what
    expires on the way, which `after` shows. Else the replay begins with the first that is retained.
    """
    before = None if position is None else mailroom.inboxes.get(client_id, now_ms=now_ms)
    is_resumed = False
    if position is not None and before is not None and position.epoch == before.epoch:
        is_resumed = before.settled_seq <= position.seq <= before.sent_seq
        if is_resumed and position.seq > before.settled_seq:
            acknowledge(client_id, through_seq=position.seq, mailroom=mailroom, now_ms=now_ms)
    row = mailroom.inboxes.open(client_id, epoch=mailroom.new_id(), now_ms=now_ms)
    if is_resumed and position is not None:
        return Resumption(
            epoch=row.epoch, last_seq=row.last_seq, after=position.seq, is_resumed=True
        )
    known_seq = position.seq if position and position.epoch == row.epoch else 0
    is_lost = position is not None and known_seq < row.settled_seq
    return Resumption(
        epoch=row.epoch,
        last_seq=row.last_seq,
        after=row.settled_seq,
        is_resumed=False,
        lost=(known_seq + 1, row.settled_seq) if is_lost else None,
    )


async def greet(
    job: Welcome,
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Report:
    """Send CONNECTION, with where the client's inbox stands, and then what waits in it."""
    client_id = job.connection.client_id
    resumption = resume(client_id, job.position, mailroom=mailroom, now_ms=clock())
    report = await delivery.welcome(
        job, resumption=resumption, outlet=mailroom.outlet, clock=clock, pause=pause
    )
    # Also where nothing waited before: whoever appended since then saw a connection that was still
    # pending, and left it to us.
    if report.sent:
        report += await drain(client_id, mailroom=mailroom, clock=clock, has_new_run=True)
    return report


@dataclass(frozen=True, slots=True)
class _Posted:
    report: Report
    is_over: bool
    """Whether the writer has let go of the lease."""
    is_parked: bool = False


async def _post(
    claim: Claim,
    owner: str,
    connections: Sequence[Connection],
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> _Posted:
    """Post what a claim granted.

    Frame by frame: a connection that did not take one gets none of those behind it. What it
    misses comes with the resend, in order.
    """
    inbox = claim.inbox
    assert inbox is not None  # noqa: S101 — a claim that grants entries has a row
    report, is_sent = await _post_frames(claim.outgoing, inbox.epoch, connections, mailroom, clock)
    now_ms = clock()
    if is_sent:
        recorded = mailroom.messages.record(
            [
                Receipt(
                    message_id=each.entry.publication.message_id,
                    client_id=inbox.client_id,
                    state=ReceiptState.SENT,
                    at_ms=now_ms,
                )
                for each in claim.outgoing
                if each.entry.is_tracked
            ],
            now_ms=now_ms,
        )
        first_sends = sum(each is not None and each.is_news for each in recorded)
        mailroom.tally.count("FirstSends", first_sends)
        mailroom.tally.count("Resends", len(recorded) - first_sends)
    if len(report.gone) == len(connections):
        # False if a connection came meanwhile: then go on, for it.
        is_parked = mailroom.inboxes.park(
            inbox.client_id, owner=owner, fence=inbox.fence, now_ms=now_ms
        )
        return _Posted(report, is_parked, is_parked)
    if report.waiting or report.dropped:
        mailroom.inboxes.release(inbox.client_id, owner=owner, now_ms=now_ms)
        return _Posted(report, is_over=True)
    return _Posted(report, is_over=False)


async def _post_frames(
    outgoing: Sequence[Outgoing],
    epoch: str,
    connections: Sequence[Connection],
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> tuple[Report, bool]:
    """Post to every connection, side by side; tell also whether one of them took everything."""

    async def post_to(connection: Connection) -> Outcome:
        envelopes = [
            protocol.encode_entry(connection, each.entry, epoch=epoch, after=each.after)
            for each in outgoing
        ]
        frames = protocol.join_into_frames(envelopes, takes_batches=connection.takes_batches)
        for frame in frames:
            [outcome] = await mailroom.outlet.gateway.post_to_connections(
                [Post(connection.connection_id, frame)], deadline_seconds=POST_SECONDS
            )
            if outcome is not Outcome.SENT or clock() > ends_ms:
                return outcome if outcome is not Outcome.SENT else Outcome.UNAVAILABLE
        return Outcome.SENT

    ends_ms = clock() + round(POST_SECONDS * 1000)
    outcomes = await asyncio.gather(*(post_to(each) for each in connections))
    report = delivery.judge(connections, outcomes, outlet=mailroom.outlet, clock=clock)
    return report, Outcome.SENT in outcomes


async def _close(claim: Claim, owner: str, mailroom: Mailroom, clock: Callable[[], int]) -> Report:
    """Close the connections of a client that acknowledges nothing, and let the inbox wait."""
    inbox = claim.inbox
    assert inbox is not None  # noqa: S101 — an inbox that is exhausted has a row
    connections = _connections_of(inbox.client_id, mailroom, clock())
    report = await delivery.close(
        connections, CloseCode.UNACKNOWLEDGED, outlet=mailroom.outlet, clock=clock
    )
    mailroom.inboxes.park(inbox.client_id, owner=owner, fence=inbox.fence, now_ms=clock())
    return report


def _connections_of(client_id: str, mailroom: Mailroom, now_ms: int) -> Sequence[Connection]:
    return _opened(mailroom.outlet.store.resolve([client_id], now_ms=now_ms).get(client_id, ()))


def _opened(connections: Sequence[Connection]) -> list[Connection]:
    """Leave out those that are to get CONNECTION yet: what waits for them comes behind it."""
    return [each for each in connections if each.is_open]


def _end(
    client_id: str, found: Copies, state: ReceiptState, mailroom: Mailroom, now_ms: int
) -> Inbox | None:
    """Record what became of copies, and then drop them: in this order, see the module."""

    def receipt(copy: Copy) -> Receipt:
        return Receipt(message_id=copy.message_id, client_id=client_id, state=state, at_ms=now_ms)

    recorded = _record(
        [receipt(copy) for copy in found.copies if copy.is_tracked], mailroom, now_ms
    )
    for kept in [each.receipt for each in recorded if each is not None and each.is_news]:
        mailroom.tally.count(state.name.capitalize())
        if state is ReceiptState.DELIVERED and kept.sent_at_ms is not None:
            mailroom.tally.measure("DeliveryLatency", max(0, kept.at_ms - kept.sent_at_ms))
    return mailroom.inboxes.settle(
        client_id,
        epoch=found.epoch,
        seqs=[copy.seq for copy in found.copies],
        is_progress=state is ReceiptState.DELIVERED,
        now_ms=now_ms,
    )


def _record(
    receipts: Sequence[Receipt], mailroom: Mailroom, now_ms: int
) -> Sequence[Recorded | None]:
    """Record receipts, and have their sender told of each that is final, as it is kept.

    Also where it was no news: whoever recorded it may have died before he could say so.
    """
    recorded = mailroom.messages.record(receipts, now_ms=now_ms)
    if mailroom.notices is not None:
        ended = [
            each.receipt
            for receipt, each in zip(receipts, recorded, strict=True)
            if receipt.state.is_terminal and each is not None
        ]
        notifying.hand_over(ended, jobs=mailroom.notices)
    return recorded


def _receipt(message: Message, client_id: str, state: ReceiptState, now_ms: int) -> Receipt:
    return Receipt(message_id=message.message_id, client_id=client_id, state=state, at_ms=now_ms)


def _look_again(client_id: str, delay_ms: int, mailroom: Mailroom) -> None:
    """Have a job look at the inbox after so long, in whole seconds and not before."""
    mailroom.outlet.jobs.send(
        [Drain(client_id=client_id)], delay_seconds=max(0, -(-delay_ms // 1000))
    )
