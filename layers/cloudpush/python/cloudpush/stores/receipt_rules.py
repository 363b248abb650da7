"""What a receipt adds to the counts of its message: the rules of `ports.MessageStore.record`.

before      recorded    adds one to
-           QUEUED      queued
-, QUEUED   SENT        (queued) sent
-, … SENT   DELIVERED   (queued, sent) delivered
-, … SENT   EXPIRED     (queued) expired
-, …        REJECTED    rejected
-, …        MISSING     missing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.model import Counts, Message, MessageState, Receipt, ReceiptState

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATHS: Final = {
    ReceiptState.QUEUED: (ReceiptState.QUEUED,),
    ReceiptState.SENT: (ReceiptState.QUEUED, ReceiptState.SENT),
    ReceiptState.DELIVERED: (ReceiptState.QUEUED, ReceiptState.SENT, ReceiptState.DELIVERED),
    ReceiptState.EXPIRED: (ReceiptState.QUEUED, ReceiptState.EXPIRED),
    ReceiptState.REJECTED: (ReceiptState.REJECTED,),
    ReceiptState.MISSING: (ReceiptState.MISSING,),
}


def passed(before: ReceiptState | None, after: ReceiptState) -> list[str]:
    """Return the counts that a receipt adds one to."""
    done = _PATHS[before] if before else ()
    return [state.name.lower() for state in _PATHS[after] if state not in done]


def merged(known: Receipt | None, receipt: Receipt) -> Receipt:
    """Return a receipt with what was known of when it was sent."""
    sent_at_ms = known.sent_at_ms if known else None
    if sent_at_ms is None:
        sent_at_ms = receipt.sent_at_ms
    if sent_at_ms is None and receipt.state is ReceiptState.SENT:
        sent_at_ms = receipt.at_ms
    return msgspec.structs.replace(receipt, sent_at_ms=sent_at_ms)


def first_stage(message: Message, now_ms: int) -> MessageState:
    """Return the stage of a message that is new."""
    return MessageState.SCHEDULED if message.due_at_ms > now_ms else MessageState.SENDING


def counts_of(message: Message, added: Mapping[str, int]) -> Counts:
    """Return a message's counts from what its receipts have added.

    `seen` are the recipients that have a receipt.
    """
    accepted = tracked = added.get("seen", 0)
    if message.clients is not None:
        accepted = len(message.clients)
        tracked = sum(map(message.is_tracked, message.clients))
    return Counts(
        accepted=accepted,
        tracked=tracked,
        **{state.name.lower(): added.get(state.name.lower(), 0) for state in ReceiptState},
    )
