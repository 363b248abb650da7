"""Accept a message that is kept: of QoS 1, or for later, or to many.

Accepted means stored: the record comes first, and is due from its first moment. Whatever dies
from there on, the sweep finds the record and hands it over again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import expanding
from cloudpush.errors import InvalidMessage
from cloudpush.model import DEFAULT_TTL_MS, MAX_TTL_MS, MIN_TTL_MS, Message, Receipts
from cloudpush.outcomes import Report
from cloudpush.protocol import (
    CLIENT_ID_LENGTH,
    INBOX_FIELDS_BYTES,
    UnaddressedEnvelope,
    is_client_id,
)
from cloudpush.targets import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.expanding import HandOvers
    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Publication

MAX_DELAY_MS: Final = 30 * 24 * 60 * 60 * 1000
"""How far ahead a message may be scheduled."""

LOOK_AGAIN_MS: Final = 2 * 60 * 1000
"""So long after it was due, a message that is not finished is handed over again."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message by the time its sender is answered."""

    message: Message
    missing: list[str]
    """The targets that no client can be, in the sender's order, each once."""
    offline: list[str] | None
    """The targets without a connection now, whose inboxes keep it; None where nobody looked."""
    report: Report
    """Of the posts that were made at once."""


def new_message(
    publication: Publication,
    client_ids: Sequence[str] | None,
    *,
    qos: int = 1,
    ttl_ms: int = DEFAULT_TTL_MS,
    due_at_ms: int | None = None,
    receipts: Receipts = Receipts.ALL,
) -> Message:
    """Return a message as it can be accepted; of None as targets, to all.

    Raises:
        NoTarget, TooManyTargets, PayloadTooLarge: as `publishing.publish` does.
        InvalidMessage: `ttl_ms` or `due_at_ms` is out of its range, or an id is longer than any
            client's: what is kept is kept under it.
    """
    now_ms = publication.accepted_at_ms
    clients = None if client_ids is None else check_targets(client_ids)
    if any(len(each) > CLIENT_ID_LENGTH for each in clients or ()):
        raise InvalidMessage(f"a target has at most {CLIENT_ID_LENGTH} characters")
    if not MIN_TTL_MS <= ttl_ms <= MAX_TTL_MS:
        raise InvalidMessage(
            f"a message lives {MIN_TTL_MS // 1000} to {MAX_TTL_MS // 1000} seconds"
        )
    due_at_ms = max(now_ms, due_at_ms or now_ms)
    if due_at_ms > now_ms + MAX_DELAY_MS:
        raise InvalidMessage(f"a message is due within {MAX_DELAY_MS // 1000} seconds")
    valid = [len(each) for each in clients or () if is_client_id(each)]
    extra = INBOX_FIELDS_BYTES if qos else 0
    envelope = UnaddressedEnvelope(publication)
    if clients is None:
        envelope.check_size(extra=extra)
    else:
        envelope.check_size(max(valid, default=0), extra=extra)
    return Message(
        publication=publication,
        clients=clients,
        qos=qos,
        receipts=receipts if qos else Receipts.NONE,
        due_at_ms=due_at_ms,
        expires_at_ms=due_at_ms + ttl_ms,
    )


async def accept(
    message: Message,
    *,
    hand_overs: HandOvers | None = None,
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Accepted:
    """Store a message and see it on its way; idempotent by message id.

    Of QoS 1 to a few it is expanded here: on return every inbox has it. To many, or where the
    caller has no time, and so brings `hand_overs` for all that it accepts, jobs do it. What is due
    later than a queue waits is left to the sweep.

    Raises:
        StoreUnavailable, QueueUnavailable: perhaps it was accepted. The same call with the same
            message id finishes it and never sends it twice.
    """
    now_ms = clock()
    delay_ms = message.due_at_ms - now_ms
    missing = [each for each in message.clients or () if not is_client_id(each)]
    mailroom.messages.create(
        message,
        look_at_ms=message.due_at_ms + (LOOK_AGAIN_MS if delay_ms <= expanding.MAX_DELAY_MS else 0),
        now_ms=now_ms,
    )
    if delay_ms > expanding.MAX_DELAY_MS:
        return Accepted(message=message, missing=missing, offline=None, report=Report())
    if delay_ms > 0 or message.is_fanned_out or hand_overs is not None:
        if hand_overs is None:
            expanding.hand_over(message, mailroom=mailroom, now_ms=now_ms)
        else:
            await hand_overs.hand_over(message, now_ms=now_ms)
        return Accepted(message=message, missing=missing, offline=None, report=Report())
    expanded = await expanding.expand(message, mailroom=mailroom, clock=clock)
    return Accepted(
        message=message,
        missing=missing,
        offline=expanded.offline,
        report=expanded.report,
    )
