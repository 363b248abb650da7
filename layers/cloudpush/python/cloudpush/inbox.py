"""Look after a client's inbox: what comes in, and what is over. What goes out is `draining`.

    append ──► inbox ──► claim ──► post ──► «sent»        one writer at a time, by a lease
                 ▲                   │
                 │                   ▼
              settle ◄── «delivered» ◄── BUSINESS_ACK     the receipt first, then the inbox

Whatever crosses from a client's home in the store to a message's is written in the order of
`docs/adr/0009`: a crash between two steps leaves what the next look at the inbox puts right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush import notifying
from cloudpush.model import Message, Receipt, ReceiptState
from cloudpush.ports import Append
from cloudpush.protocol import Resumption, is_client_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Copy, Inbox, Position
    from cloudpush.ports import Copies, Recorded

PAGE: Final = 500
"""So many messages are acknowledged, or expire, in one step."""

_METRICS: Final = {
    Append.APPENDED: "Appended",
    Append.DUPLICATE: "Duplicates",
    Append.FULL: "Rejected",
    Append.EXPIRED: "Expired",
}
_ENDS: Final = {Append.FULL: ReceiptState.REJECTED, Append.EXPIRED: ReceiptState.EXPIRED}


def put(message: Message, client_ids: Sequence[str], *, mailroom: Mailroom, now_ms: int) -> int:
    """Put a message into the inboxes of these clients; return how many of them have no receipts.

    Idempotent. Receipts first: `queued` for a copy that is not there yet is put right by the
    repeat, a copy whose receipt nobody wrote would not be counted. What was rejected stays so,
    though there may be room by now: its sender has been told.

    Raises:
        StoreUnavailable: some have it, and a repeat gives it to the others.
    """
    valid = [each for each in client_ids if is_client_id(each)]
    receipts = [
        _receipt(message, each, ReceiptState.MISSING, now_ms)
        for each in client_ids
        if not is_client_id(each) and message.is_tracked(each)
    ]
    receipts += [
        _receipt(message, each, ReceiptState.QUEUED, now_ms)
        for each in valid
        if message.is_tracked(each)
    ]
    before = [each.receipt for each in _record(receipts, mailroom, now_ms) if each is not None]
    rejected = {each.client_id for each in before if each.state is ReceiptState.REJECTED}
    taking = [each for each in valid if each not in rejected]
    answers = mailroom.inboxes.append(
        taking,
        message.publication,
        tracked=[message.is_tracked(each) for each in taking],
        expires_at_ms=message.expires_at_ms,
        epoch=mailroom.new_id(),
        now_ms=now_ms,
    )
    for answer, metric in _METRICS.items():
        mailroom.tally.count(metric, answers.count(answer))
    ends = dict.fromkeys(rejected, ReceiptState.REJECTED)
    for client_id, answer in zip(taking, answers, strict=True):
        if answer in _ENDS and message.is_tracked(client_id):
            ends[client_id] = _ENDS[answer]
    _record(
        [_receipt(message, client_id, state, now_ms) for client_id, state in ends.items()],
        mailroom,
        now_ms,
    )
    return len(client_ids) - sum(map(message.is_tracked, client_ids))


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


def expire(client_id: str, *, mailroom: Mailroom, now_ms: int) -> int:
    """Settle what no client can get any more, because its time is over; return how many."""
    count = 0
    while True:
        found = mailroom.inboxes.read_expired(client_id, limit=PAGE, now_ms=now_ms)
        if found.copies:
            _end(client_id, found, ReceiptState.EXPIRED, mailroom, now_ms)
        count += len(found.copies)
        if len(found.copies) < PAGE:
            return count


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


def _end(
    client_id: str, found: Copies, state: ReceiptState, mailroom: Mailroom, now_ms: int
) -> Inbox | None:
    """Record what became of copies, and then drop them: in this order, see the module."""

    def receipt(copy: Copy) -> Receipt:
        return Receipt(message_id=copy.message_id, client_id=client_id, state=state, at_ms=now_ms)

    recorded = _record(
        [receipt(copy) for copy in found.copies if copy.is_tracked], mailroom, now_ms
    )
    mailroom.tally.count(state.name.capitalize(), sum(not copy.is_tracked for copy in found.copies))
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
