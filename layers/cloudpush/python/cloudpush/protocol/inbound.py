"""A client's text, and other JSON from outside, into values.

`decode` is the one place where text of a client becomes a value, and the only error that it knows
is a `ClientError`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec

from cloudpush.errors import InvalidMessage, PayloadTooLarge
from cloudpush.model import Position
from cloudpush.protocol.vocabulary import CLIENT_ID_LENGTH, ENVELOPE_LIMIT, MsgType

NESTING_LIMIT: Final = 128
"""Levels of objects and arrays in `msg`, itself the first.

Readers recurse, ours and the receiver's: what is accepted here must be readable on the far side
of every queue, with whatever stack is left there.
"""

_SEQ_DIGITS: Final = 15
"""No inbox ever comes so far: a message each millisecond for 30,000 years."""

_Shape = TypeVar("_Shape")


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


_decoder = msgspec.json.Decoder(Inbound)
_any_decoder = msgspec.json.Decoder()


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


def _to_utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        # A lone surrogate: the event's JSON could escape it, UTF-8 cannot hold it.
        raise InvalidMessage("not Unicode text") from error


def _containers_in(node: Any) -> list[Any]:  # noqa: ANN401 — a node of any JSON
    children = cast(
        "list[Any]",
        list(node.values()) if isinstance(node, dict) else node,  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] — any JSON
    )
    return [child for child in children if isinstance(child, (dict, list))]
