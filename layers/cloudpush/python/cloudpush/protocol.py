"""The client protocol: envelopes in and out, without I/O.

The first module that a client's text meets and the last that a push leaves. One JSON object,
an *envelope*, per text message; UTF-8 without ASCII escapes; a field that is not known is absent.

`decode` is the one place where text from outside becomes a value, and the only error that it
knows is a `ClientError`. The encoders are total: what the model can hold, they can write.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, cast

import msgspec

from cloudpush.errors import InvalidClientId, InvalidMessage, PayloadTooLarge
from cloudpush.model import Position, Trigger

if TYPE_CHECKING:
    from cloudpush.errors import CloudpushError
    from cloudpush.model import Connection, Entry, Publication

ENVELOPE_LIMIT: Final = 120 * 1024
"""Bytes of an envelope, in either direction: 8 KB below the gateway's limit for a message."""

BATCH_LIMIT: Final = 30 * 1024
"""Bytes of a message that carries several envelopes: below the gateway's frames of 32 KB."""

INBOX_FIELDS_BYTES: Final = 160
"""What `qos`, `epoch`, `seq` and `after` add to an envelope, at most."""

CLIENT_ID_LENGTH: Final = 128
"""Characters of a client id, all of them ASCII; a client's own `messageId` may be as long."""

SUBPROTOCOL: Final = "cloudpush"
"""What a client may offer, with its token beside it, and then gets."""

NESTING_LIMIT: Final = 128
"""Levels of objects and arrays in `msg`, itself the first.

Readers recurse, ours and the receiver's: what is accepted here must be readable on the far side
of every queue, with whatever stack is left there.
"""

_SEQ_DIGITS: Final = 15
"""No inbox ever comes so far: a message each millisecond for 30,000 years."""

_CLIENT_ID: Final = re.compile(rf"[A-Za-z0-9._:@-]{{1,{CLIENT_ID_LENGTH}}}")
_Shape = TypeVar("_Shape")


class MsgType(enum.IntEnum):
    """What an envelope is: each request is odd, its answer the next even number."""

    ERROR = -1
    CONNECTION = 0
    BUSINESS = 1
    BUSINESS_ACK = 2
    HEARTBEAT = 3
    HEARTBEAT_ACK = 4
    SUBSCRIBE = 5
    SUBSCRIBE_ACK = 6
    UNSUBSCRIBE = 7
    UNSUBSCRIBE_ACK = 8
    PRESENCE = 9
    PRESENCE_ACK = 10
    HISTORY = 11
    HISTORY_ACK = 12
    RESUME = 13
    RESUME_ACK = 14
    CLOSE = 15

    @property
    def is_reserved(self) -> bool:
        """Tell whether the protocol keeps the number for something that is not built."""
        return MsgType.SUBSCRIBE <= self <= MsgType.HISTORY_ACK


class CloseCode(enum.IntEnum):
    """Why the service closes a connection; the hundreds say what the client does next.

    4000 to 4099 final, 4100 to 4199 session, 4200 to 4299 reconnect now, 4300 to 4399 back off.
    """

    DISCONNECTED = 4001
    """An operator closed the connection: don't reconnect."""
    REPLACED = 4101
    """A newer connection of the same client took its place: don't reconnect."""
    STALE = 4201
    """The client was silent for longer than the stale limit: reconnect now."""
    UNACKNOWLEDGED = 4202
    """The client did not acknowledge a message that was sent six times: reconnect now, resume."""

    @property
    def is_reconnect(self) -> bool:
        """Tell whether the client should connect again."""
        return self >= 4200  # noqa: PLR2004 — the ranges are in the class's docstring


class Inbound(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An envelope from a client, with the fields that mean something; others are ignored.

    Who sent it is not among them: that is the client of the connection, whatever `from` says.
    """

    msg_type: MsgType
    to: str | list[str] | None = None
    """A client id, or a list of them."""
    msg: dict[str, Any] | None = None
    message_id: Annotated[str, msgspec.Meta(max_length=CLIENT_ID_LENGTH)] | None = None
    """The sender's own, echoed in its answer and nowhere else. Of BUSINESS_ACK: ours."""
    qos: Literal[0, 1] = 0
    """Of BUSINESS: 1 is kept until each target acknowledges it."""
    epoch: Any = None
    """With `seq`, of RESUME and BUSINESS_ACK, where the client stands. Whatever it is."""
    seq: Any = None

    @property
    def position(self) -> Position | None:
        """Return where the client stands, or None if it said nothing that can be a position."""
        return position_of(self.epoch, self.seq)

    @property
    def targets(self) -> list[str]:
        """Return `to` as a list; an absent, null or empty one is empty."""
        return [self.to] if isinstance(self.to, str) and self.to else list(self.to or ())


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


_decoder = msgspec.json.Decoder(Inbound)
_any_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def position_of(epoch: object, seq: object) -> Position | None:
    """Read where a client says it stands; what is ill-formed is no position, and no error.

    Args:
        epoch: a text that is not empty.
        seq: an integer of at least 0, or its decimal digits, as a query has them.
    """
    if isinstance(seq, str) and seq.isascii() and seq.isdigit() and len(seq) <= _SEQ_DIGITS:
        seq = int(seq)
    is_seq = isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq < 10**_SEQ_DIGITS
    if not is_seq or not isinstance(epoch, str) or not epoch:
        return None
    return Position(epoch, cast("int", seq))


def is_client_id(text: str) -> bool:
    """Tell whether the text is 1 to 128 characters of `[A-Za-z0-9._:@-]`."""
    return _CLIENT_ID.fullmatch(text) is not None


def check_client_id(text: str | None) -> str:
    """Return a client id as it is.

    Raises:
        InvalidClientId: it is missing, or has a character or a length that none may have.
    """
    if not text:
        raise InvalidClientId("channelId is required")
    if not is_client_id(text):
        raise InvalidClientId(
            f"channelId must be 1 to {CLIENT_ID_LENGTH} characters of A-Z a-z 0-9 . _ : @ -"
        )
    return text


def decode(text: str | None) -> Inbound:
    """Read a client's text.

    Raises:
        PayloadTooLarge: it has more than `ENVELOPE_LIMIT` bytes.
        InvalidMessage: it is not strict JSON, not an object, or a field is not of its type. Where
            the object's `messageId` can be told all the same, the error carries it.
    """
    data = _to_utf8(text or "")
    try:
        inbound = decode_json(data, _decoder, max_bytes=ENVELOPE_LIMIT)
    except InvalidMessage as error:
        error.message_id = message_id_of(data)
        raise
    try:
        check_nesting(inbound.msg)
    except InvalidMessage as error:
        error.message_id = inbound.message_id
        raise
    return inbound


def message_id_of(text: str | bytes | None) -> str | None:
    """Return the `messageId` of a text that cannot be served, so that its answer can echo it."""
    try:
        data = text if isinstance(text, bytes) else _to_utf8(text or "")
        value = decode_json(data, _any_decoder, max_bytes=ENVELOPE_LIMIT)
    except (InvalidMessage, PayloadTooLarge):
        return None
    message_id = cast("dict[str, Any]", value).get("messageId") if isinstance(value, dict) else None
    is_short = isinstance(message_id, str) and len(message_id) <= CLIENT_ID_LENGTH
    return cast("str", message_id) if is_short else None


def decode_json(data: bytes, decoder: msgspec.json.Decoder[_Shape], *, max_bytes: int) -> _Shape:
    """Read strict JSON (RFC 8259: no NaN, no Infinity, valid UTF-8) from outside.

    The size is looked at before anything is read. For nesting the decoder itself is the cheapest
    guard: it gives up at the interpreter's limit of recursion, sooner than a scan would be done.

    Raises:
        PayloadTooLarge: it has more than `max_bytes`; nothing of it was read.
        InvalidMessage: it is not that, not of the decoder's type, or nested so deeply that no
            reader follows. The text says where, and repeats nothing of the content.
    """
    if len(data) > max_bytes:
        raise PayloadTooLarge(f"{len(data)} bytes; {max_bytes} are allowed")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidMessage(str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidMessage("not strict JSON, or nested too deeply") from error


def check_nesting(msg: dict[str, Any] | None) -> None:
    """Accept a `msg` of at most `NESTING_LIMIT` levels.

    Raises:
        InvalidMessage: it has more.
    """
    level: list[Any] = [msg] if msg else []
    for _ in range(NESTING_LIMIT):
        level = [child for node in level for child in _containers_in(node)]
        if not level:
            return
    raise InvalidMessage(f"msg is nested more than {NESTING_LIMIT} levels deep")


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
            raise PayloadTooLarge(_too_large(size))


def _to_utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        # A lone surrogate: the event's JSON could escape it, UTF-8 cannot hold it.
        raise InvalidMessage("not Unicode text") from error


def _too_large(size: int) -> str:
    return f"the envelope has {size} bytes; {ENVELOPE_LIMIT} are allowed"


def _containers_in(node: Any) -> list[Any]:  # noqa: ANN401 — a node of any JSON
    children = cast(
        "list[Any]",
        list(node.values()) if isinstance(node, dict) else node,  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] — any JSON
    )
    return [child for child in children if isinstance(child, (dict, list))]
