"""Answer a client: what `$default` does with a text message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import accepting, delivery, draining, inbox, protocol, publishing
from cloudpush.errors import CloudpushError, InvalidMessage, NoTarget, NotConnected, Unsupported
from cloudpush.model import Publication, Trigger
from cloudpush.outcomes import Report
from cloudpush.protocol import MsgType

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.delivery import Outlet
    from cloudpush.limiting import Limit
    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Connection
    from cloudpush.protocol import Inbound
    from cloudpush.rights import Principal

SIGNS_PER_LIMIT: Final = 3
"""A sign of life is written at most so often within the stale limit, not for every frame."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a text led to."""

    envelope: bytes | None = None
    """For the sender; None where the protocol has no answer."""
    report: Report | None = None
    """Of the posts that it caused."""
    is_publication: bool = False
    """Whether the text was one."""


async def receive(  # noqa: PLR0913 — what was said, by whom, and how the deployment listens
    text: str | None,
    *,
    connection_id: str,
    message_id: str,
    principal: Principal,
    stale_after_ms: int,
    limit: Limit,
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Answer:
    """Take a text from a connection, and do what it says.

    Whatever the text is, it is a sign of life; so that comes first.

    Args:
        text: the message as it came.
        connection_id: who sent it.
        message_id: ours, for the case that it becomes a publication.
        principal: who sent it, and to whom it may push.
        stale_after_ms: the stale limit; 0 is off.
        limit: how often a client may say something. Acknowledgements are not counted: what is
            pushed to a client must not use up what it may say.
        mailroom: the way out of what it publishes, and where its own inbox lies.
        clock: milliseconds since the epoch.

    Raises:
        NotConnected: the connection is unknown, forgotten or expired; nothing revives it.
        TooManyRequests: the client says too much.
        Forbidden: it is a push to somebody that the principal may not push to.
        ClientError: the text is not what the protocol allows. As with every error from here, its
            `message_id` is the sender's, if it has one.
    """
    try:
        sender = _hear(connection_id, stale_after_ms, mailroom.outlet, clock())
    except CloudpushError as error:
        error.message_id = protocol.message_id_of(text)
        raise
    inbound = protocol.decode(text)
    try:
        if inbound.msg_type is not MsgType.BUSINESS_ACK:
            limit.take(sender.client_id)
        if inbound.msg_type is MsgType.BUSINESS:
            principal.check_targets(inbound.targets)
        return await _act(inbound, sender, message_id=message_id, mailroom=mailroom, clock=clock)
    except CloudpushError as error:
        error.message_id = inbound.message_id
        raise


def _hear(connection_id: str, stale_after_ms: int, outlet: Outlet, now_ms: int) -> Connection:
    """Return who sent it, and record the sign of life if the last one is old enough."""
    store = outlet.store
    connection = store.get(connection_id, now_ms=now_ms)
    if connection is None:
        raise NotConnected("this connection is closed")
    if not connection.is_open:
        # Its welcome, which sends what waits for it, is late or was given up; and writers leave a
        # pending connection to that. The job comes first: after the touch nobody would send it.
        delivery.look_again([connection.client_id], jobs=outlet.jobs, delay_seconds=1)
    is_due = stale_after_ms and (
        now_ms - connection.last_seen_ms >= stale_after_ms / SIGNS_PER_LIMIT
    )
    is_alive = True
    if is_due or not connection.is_open:
        is_alive = store.touch(connection_id, now_ms=now_ms)
    if not is_alive:
        raise NotConnected("this connection is closed")
    return connection


async def _act(
    inbound: Inbound,
    sender: Connection,
    *,
    message_id: str,
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Answer:
    match inbound.msg_type:
        case MsgType.HEARTBEAT:
            return Answer(
                envelope=protocol.encode_heartbeat_ack(
                    sender, message_id=inbound.message_id, now_ms=clock()
                )
            )
        case MsgType.BUSINESS:
            return await _publish(
                inbound, sender, message_id=message_id, mailroom=mailroom, clock=clock
            )
        case MsgType.BUSINESS_ACK:
            # An answer to an answer would have no end, so even nonsense gets none.
            return Answer(
                report=await _acknowledge(inbound, sender, mailroom=mailroom, clock=clock)
            )
        case MsgType.RESUME:
            return await _resume(inbound, sender, mailroom=mailroom, clock=clock)
        case reserved if reserved.is_reserved:
            raise Unsupported(f"msgType {int(reserved)} is reserved and not built yet")
        case other:
            raise InvalidMessage(f"msgType {int(other)} is sent by the service alone")


async def _publish(
    inbound: Inbound,
    sender: Connection,
    *,
    message_id: str,
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Answer:
    if not inbound.targets:
        raise NoTarget("to must be a client id, or a list of them")
    if inbound.msg is None:
        raise InvalidMessage("msg is required: an object")
    publication = Publication(
        message_id=message_id,
        trigger=Trigger.WEBSOCKET,
        sender=sender.client_id,
        msg=inbound.msg,
        accepted_at_ms=clock(),
    )
    if inbound.qos:
        message = accepting.new_message(publication, inbound.targets)
        accepted = await accepting.accept(message, mailroom=mailroom, clock=clock)
        missing, report = accepted.missing, accepted.report
    else:
        published = await publishing.publish(
            publication, inbound.targets, mailroom=mailroom, clock=clock
        )
        missing, report = published.missing, published.report
    return Answer(
        envelope=protocol.encode_business_ack(
            sender, message_id=inbound.message_id, missing=missing, now_ms=clock()
        ),
        report=report,
        is_publication=True,
    )


async def _acknowledge(
    inbound: Inbound, sender: Connection, *, mailroom: Mailroom, clock: Callable[[], int]
) -> Report:
    """Do what BUSINESS_ACK says, and go on sending once the window lets enough out."""
    seq = inbound.seq
    is_seq = isinstance(seq, int) and not isinstance(seq, bool) and seq > 0
    row = inbox.acknowledge(
        sender.client_id,
        through_seq=seq if is_seq else None,
        message_ids=[inbound.message_id] if inbound.message_id else [],
        epoch=inbound.epoch if isinstance(inbound.epoch, str) else None,
        mailroom=mailroom,
        now_ms=clock(),
    )
    if row is None or not row.has_room_for_more:
        return Report()
    return await draining.drain([sender.client_id], mailroom=mailroom, clock=clock)


async def _resume(
    inbound: Inbound, sender: Connection, *, mailroom: Mailroom, clock: Callable[[], int]
) -> Answer:
    """Answer RESUME. What it leads to may overtake the answer: `after` says where it belongs."""
    resumption = inbox.resume(sender.client_id, inbound.position, mailroom=mailroom, now_ms=clock())
    outlet = mailroom.outlet
    if resumption.last_seq > resumption.after:
        delivery.look_again([sender.client_id], jobs=outlet.jobs)
    return Answer(envelope=protocol.encode_resume_ack(sender, resumption, now_ms=clock()))
