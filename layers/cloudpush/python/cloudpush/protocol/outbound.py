"""What a client is sent: the encoders are total, what the model can hold, they can write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cloudpush.errors import PayloadTooLarge
from cloudpush.model import Trigger
from cloudpush.protocol.vocabulary import CLIENT_ID_LENGTH, ENVELOPE_LIMIT, CloseCode, MsgType

if TYPE_CHECKING:
    from cloudpush.errors import CloudpushError
    from cloudpush.model import Connection, Entry, Publication

BATCH_LIMIT: Final = 30 * 1024
"""Bytes of a message that carries several envelopes: below the gateway's frames of 32 KB."""

INBOX_FIELDS_BYTES: Final = 160
"""What `qos`, `epoch`, `seq` and `after` add to an envelope, at most."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """An envelope to a client: its fields in the order in which they are written."""

    msg_type: MsgType
    to: str | None = None
    """The target's own client id."""
    session_id: str | None = None
    trigger: Trigger | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    message_id: str | None = None
    request_id: str | None = None
    active_time: int | None = None
    """Milliseconds since the epoch: when a publication was accepted, or an answer was made."""
    code: str | None = None
    temporary: bool | None = None
    retry_after_ms: int | None = None
    result_msg: str | None = None
    missing: Sequence[str] | None = None
    close_code: int | None = None
    reconnect: bool | None = None
    qos: int | None = None
    epoch: str | None = None
    seq: int | None = None
    """Of BUSINESS its place in the inbox; of CONNECTION and RESUME_ACK the highest there is."""
    after: int | None = None
    """What follows is for a client at this position or later; absent, at `seq - 1`."""
    resumed: bool | None = None
    lost: tuple[int, int] | None = None
    """The first and the last seq that the client has not got and never will."""
    msg: dict[str, Any] | None = None


_encoder = msgspec.json.Encoder()


def encode(envelope: Envelope) -> bytes:
    """Write an envelope as UTF-8 JSON."""
    return _encoder.encode(envelope)


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is told of its inbox."""

    epoch: str
    last_seq: int
    after: int
    """Where replay begins: the client goes on from here."""
    is_resumed: bool
    """Whether what follows continues what the client has, without a loss."""
    lost: tuple[int, int] | None = None
    """Else, where it can be told, the first and the last seq that never come."""


def encode_connection(
    connection: Connection, resumption: Resumption | None = None, *, now_ms: int
) -> bytes:
    """Write CONNECTION: the first that a client hears."""
    return _encode_resumption(MsgType.CONNECTION, connection, resumption, "connected", now_ms)


def encode_resume_ack(connection: Connection, resumption: Resumption, *, now_ms: int) -> bytes:
    """Write RESUME_ACK, the answer to RESUME."""
    return _encode_resumption(MsgType.RESUME_ACK, connection, resumption, None, now_ms)


def _encode_resumption(
    msg_type: MsgType,
    connection: Connection,
    resumption: Resumption | None,
    result_msg: str | None,
    now_ms: int,
) -> bytes:
    return encode(
        Envelope(
            msg_type=msg_type,
            to=connection.client_id,
            session_id=connection.session_id,
            active_time=now_ms,
            result_msg=result_msg,
            epoch=resumption and resumption.epoch,
            seq=resumption and resumption.last_seq,
            after=resumption and resumption.after,
            resumed=resumption and resumption.is_resumed,
            lost=resumption and resumption.lost,
        )
    )


def encode_entry(connection: Connection, entry: Entry, *, epoch: str, after: int | None) -> bytes:
    """Write the BUSINESS envelope of a message in an inbox."""
    publication = entry.publication
    return encode(
        Envelope(
            msg_type=MsgType.BUSINESS,
            to=connection.client_id,
            session_id=connection.session_id,
            trigger=publication.trigger,
            sender=publication.sender,
            message_id=publication.message_id,
            request_id=publication.request_id,
            active_time=publication.accepted_at_ms,
            qos=1,
            epoch=epoch,
            seq=entry.seq,
            after=after,
            msg=publication.msg,
        )
    )


def encode_heartbeat_ack(
    connection: Connection, *, message_id: str | None = None, now_ms: int
) -> bytes:
    """Write HEARTBEAT_ACK, the answer to HEARTBEAT."""
    return encode(
        Envelope(
            msg_type=MsgType.HEARTBEAT_ACK,
            to=connection.client_id,
            session_id=connection.session_id,
            message_id=message_id,
            active_time=now_ms,
        )
    )


def encode_business_ack(
    connection: Connection, *, message_id: str | None, missing: Sequence[str], now_ms: int
) -> bytes:
    """Write BUSINESS_ACK, the answer to a client that published; `missing` is always there."""
    return encode(
        Envelope(
            msg_type=MsgType.BUSINESS_ACK,
            to=connection.client_id,
            session_id=connection.session_id,
            message_id=message_id,
            active_time=now_ms,
            missing=missing,
        )
    )


def encode_error(error: CloudpushError, *, text: str, now_ms: int) -> bytes:
    """Write ERROR: the error's code and `temporary`, a text, and the id of what failed."""
    return encode(
        Envelope(
            msg_type=MsgType.ERROR,
            message_id=error.message_id,
            active_time=now_ms,
            code=error.code,
            temporary=error.temporary,
            retry_after_ms=error.retry_after_ms,
            result_msg=text,
        )
    )


def encode_close(
    connection: Connection, code: CloseCode, *, reason: str | None = None, now_ms: int
) -> bytes:
    """Write CLOSE, which stands in for a close code: the gateway sends none of our choosing."""
    return encode(
        Envelope(
            msg_type=MsgType.CLOSE,
            to=connection.client_id,
            session_id=connection.session_id,
            active_time=now_ms,
            result_msg=reason,
            close_code=code,
            reconnect=code.is_reconnect,
        )
    )


class UnaddressedEnvelope:
    """A publication's BUSINESS envelope, written once, all but the target's id and session.

    Those two are the only fields that differ between targets, and neither has a character that
    JSON escapes. So an address costs one join of bytes, whatever the size of `msg`.
    """

    __slots__ = ("_tail",)

    _HEAD: Final = b'{"msgType":1,'
    _SESSION_ID_LENGTH: Final = 32

    def __init__(self, publication: Publication) -> None:
        whole = encode(
            Envelope(
                msg_type=MsgType.BUSINESS,
                trigger=publication.trigger,
                sender=publication.sender,
                message_id=publication.message_id,
                request_id=publication.request_id,
                active_time=publication.accepted_at_ms,
                msg=publication.msg,
            )
        )
        self._tail = b'",' + whole.removeprefix(self._HEAD)

    def address_to(self, connection: Connection) -> bytes:
        """Return the envelope for this connection, as UTF-8 JSON."""
        address = (
            f'{{"msgType":1,"to":"{connection.client_id}","sessionId":"{connection.session_id}'
        )
        return address.encode() + self._tail

    def check_size(self, client_id_length: int = CLIENT_ID_LENGTH, *, extra: int = 0) -> None:
        """Accept an envelope that fits the limit for a client id of this length.

        `extra` are bytes that come to it.

        Raises:
            PayloadTooLarge: it does not.
        """
        address = len('{"msgType":1,"to":"","sessionId":"') + self._SESSION_ID_LENGTH
        size = address + client_id_length + len(self._tail) + extra
        if size > ENVELOPE_LIMIT:
            raise PayloadTooLarge(f"the envelope has {size} bytes; {ENVELOPE_LIMIT} are allowed")


def join_into_frames(envelopes: Sequence[bytes], *, takes_batches: bool) -> list[bytes]:
    """Return the messages that carry these envelopes, in order.

    One each; or, where the client takes batches, a JSON array of as many as `BATCH_LIMIT` bytes
    hold. One that is alone stands as it is, whatever its size.
    """
    if not takes_batches:
        return list(envelopes)
    frames: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for envelope in envelopes:
        if batch and size + len(envelope) + 1 > BATCH_LIMIT:
            frames.append(_joined(batch))
            batch, size = [], 0
        batch.append(envelope)
        size += len(envelope) + 1  # a comma, or the brackets
    if batch:
        frames.append(_joined(batch))
    return frames


def _joined(batch: Sequence[bytes]) -> bytes:
    return batch[0] if len(batch) == 1 else b"[" + b",".join(batch) + b"]"
