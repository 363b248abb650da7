"""Take a publication on, whatever it asks for: at once or later, of QoS 0 or 1, to some or all.

What is of QoS 1, for later or to all is kept (`accepting`); a push of QoS 0 to some that is for now
only where they are many (`publishing`). Senders by HTTP come in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import accepting, publishing
from cloudpush.errors import Conflict, InvalidMessage, NotFound
from cloudpush.expanding import hand_over
from cloudpush.model import DEFAULT_TTL_MS, Counts, MessageState, Publication, Receipts
from cloudpush.outcomes import Report
from cloudpush.targets import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.expanding import HandOvers
    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Listing
    from cloudpush.ports import MessageRecord

MIN_DELAY_MS: Final = 1000
"""The shortest delay: queues count in seconds."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender asks for."""

    publication: Publication
    clients: Sequence[str] | None
    """The targets; None is all."""
    qos: int = 0
    ttl_ms: int = DEFAULT_TTL_MS
    due_at_ms: int | None = None
    """None is at once."""
    receipts: Receipts = Receipts.ALL


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it by the time its sender is answered."""

    message_id: str
    accepted: int | None
    """Targets, each once; None for all."""
    missing: list[str]
    """Of QoS 0 the targets without a connection; of what is kept those that no client can be."""
    offline: list[str] | None
    """The targets whose inbox keeps it for now; None where nobody looked."""
    report: Report


async def submit(
    submission: Submission,
    *,
    hand_overs: HandOvers | None = None,
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Submitted:
    """Take a publication on; with the same message id again, what is kept is not sent twice.

    Args:
        submission: what is asked for.
        hand_overs: of a caller that has no time to bring what is kept to anyone itself.
        mailroom: the ports.
        clock: milliseconds since the epoch.

    Raises:
        InvalidMessage: it is due too early or too late.
        NoTarget, TooManyTargets, PayloadTooLarge, GatewayRefused, StoreUnavailable,
            QueueUnavailable: as `publishing.publish` and `accepting.accept` do.
    """
    publication, clients = submission.publication, submission.clients
    targets = None if clients is None else check_targets(clients)
    if targets is None or submission.qos or submission.due_at_ms is not None:
        message = accepting.new_message(
            publication,
            targets,
            qos=submission.qos,
            ttl_ms=submission.ttl_ms,
            due_at_ms=_check_due(submission.due_at_ms, publication.accepted_at_ms),
            receipts=submission.receipts,
        )
        accepted = await accepting.accept(
            message, hand_overs=hand_overs, mailroom=mailroom, clock=clock
        )
        missing, offline, report = accepted.missing, accepted.offline, accepted.report
    else:
        published = await publishing.publish(publication, targets, mailroom=mailroom, clock=clock)
        missing, offline, report = published.missing, None, published.report
    return Submitted(
        message_id=publication.message_id,
        accepted=None if targets is None else len(targets),
        missing=missing,
        offline=offline,
        report=report,
    )


def cancel(message_id: str, *, mailroom: Mailroom, now_ms: int) -> MessageRecord:
    """Cancel a message that is not due yet, or a fan-out that runs; again, and nothing changes.

    Raises:
        NotFound: there is no record of it.
        Conflict: it is being sent, or has been.
    """
    record = _found(mailroom.messages.cancel(message_id, now_ms=now_ms))
    if record.stage is not MessageState.CANCELLED:
        raise Conflict(
            f"the message is {record.state.value}; only one that is scheduled, or on its way to"
            " many, is cancelled"
        )
    return _with_progress(record, mailroom=mailroom, now_ms=now_ms)


def pause(message_id: str, *, is_paused: bool, mailroom: Mailroom, now_ms: int) -> MessageRecord:
    """Stop bringing a message to those who have not got it, or go on with it.

    Raises:
        NotFound: there is no record of it.
        Conflict: it is scheduled, cancelled, or every target has its copy.
    """
    record = _found(mailroom.messages.set_paused(message_id, is_paused=is_paused, now_ms=now_ms))
    record = _with_progress(record, mailroom=mailroom, now_ms=now_ms)
    wanted = MessageState.PAUSED if is_paused else MessageState.SENDING
    if record.state is not wanted:
        reached = ", and every target has it" if not record.is_open else ""
        raise Conflict(
            f"the message is {record.state.value}{reached}; only one on its way pauses or goes on"
        )
    if not is_paused:
        hand_over(record.message, mailroom=mailroom, now_ms=now_ms)
    return record


def look_up(message_id: str, *, mailroom: Mailroom, now_ms: int) -> MessageRecord:
    """Return what is known of a message.

    Raises:
        NotFound: nothing is: it was of QoS 0, to a few and for at once, or is over.
    """
    record = _found(mailroom.messages.get(message_id, now_ms=now_ms))
    return _with_progress(record, mailroom=mailroom, now_ms=now_ms)


def list_newest(
    listing: Listing | None,
    *,
    cursor: str | None,
    limit: int,
    mailroom: Mailroom,
    now_ms: int,
) -> tuple[list[MessageRecord], str | None]:
    """Return a page of the messages in a list, or in all, newest first, and where to go on.

    What costs is the page: beside the look at the lists a record is read for each message of it,
    and of fan-outs how far they are.
    """
    page = mailroom.messages.read_newest(listing, cursor=cursor, limit=limit)
    records = [mailroom.messages.get(each, now_ms=now_ms) for each in page.message_ids]
    found = [
        _with_progress(record, mailroom=mailroom, now_ms=now_ms)
        for record in records
        if record is not None
    ]
    return found, page.cursor


def _found(record: MessageRecord | None) -> MessageRecord:
    if record is None:
        raise NotFound("there is no such message, or it is over")
    return record


def _with_progress(record: MessageRecord, *, mailroom: Mailroom, now_ms: int) -> MessageRecord:
    """Return the record of a fan-out with what it came to by now.

    One whose shards are finished is not open, whether or not that is written yet.
    """
    if not record.message.is_fanned_out:
        return record
    progress = mailroom.fan_outs.get(record.message.message_id, now_ms=now_ms)
    if progress is None:
        return record
    posted = progress.posted
    is_open = record.is_open and progress.open_shards > 0
    part = 1 - progress.open_shards / record.message.shards
    if record.message.qos:
        accepted = record.counts.accepted
        if record.message.clients is None:
            accepted += posted.untracked
        counts = msgspec.structs.replace(record.counts, accepted=accepted)
        return msgspec.structs.replace(record, is_open=is_open, counts=counts, progress=part)
    clients = record.message.clients
    times = {"sent": progress.first_at_ms} if posted.sent and progress.first_at_ms else {}
    return msgspec.structs.replace(
        record,
        is_open=is_open,
        progress=part,
        counts=Counts(
            accepted=posted.total if clients is None else len(clients),
            queued=posted.waiting,
            sent=posted.sent,
            missing=posted.gone,
            rejected=posted.dropped,
        ),
        first_at_ms=times,
        last_at_ms={"sent": progress.last_at_ms} if times and progress.last_at_ms else {},
    )


def _check_due(due_at_ms: int | None, now_ms: int) -> int | None:
    if due_at_ms is not None and due_at_ms < now_ms + MIN_DELAY_MS:
        raise InvalidMessage("a message for later is due in at least a second")
    return due_at_ms
