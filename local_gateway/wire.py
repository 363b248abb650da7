"""The frames of one open connection: what is left of the server core once the handshake is over.

The server core's own protocol object keeps the request, its headers, a queue and a task for as long
as a connection lives. This one replaces it on the transport after the 101, keeps nothing of the
handshake, and calls its listener at once instead of through a queue. `websockets` parses and
checks what comes. What goes is written here, in the order in which what came is handled: the parser
is through a whole chunk before its first frame is looked at.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from struct import pack, unpack
from typing import TYPE_CHECKING, Protocol, cast

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import Protocol as Frames
from websockets.protocol import Side, State

from local_gateway import clock
from local_gateway.limits import (
    CLIENT_BUFFER_BYTES,
    CLOSE_TIMEOUT_SECONDS,
    FRAME_BYTES,
    MESSAGE_BYTES,
)

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform that websockets has no compiled wheel for
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME_TOO_LONG = f"Max frame length of {FRAME_BYTES} has been exceeded."
"""The reason that goes with 1009 when one frame is too large (LIMIT-2)."""

_FIN = _MASKED = 0x80
_MASKED_HEAD = 6
_SHORT, _LONG, _MEDIUM = 126, 127, 0x10000
_INVALID_DATA = 1007
_TEXT, _CONTINUATION = Opcode.TEXT, Opcode.CONT
_UNSENT = termios.TIOCOUTQ  # of a socket: what its peer has not acknowledged
_CLOSE_FRAME = Opcode.CLOSE
_CLOSE, _PONG = _FIN | Opcode.CLOSE, _FIN | Opcode.PONG


class Listener(Protocol):
    """Who is told what happens on a wire. After `on_lost` nothing more is said."""

    @property
    def frame_bytes(self) -> int:
        """Into how large frames a longer message is cut."""
        ...

    @property
    def counts_pings(self) -> bool:
        """Whether a ping keeps the connection from idling."""
        ...

    def on_open(self, wire: Wire) -> None:
        """Take the wire; called first, before anything that arrives on it."""
        ...

    def on_text(self, text: str) -> None:
        """Take one whole text message."""
        ...

    def on_binary(self) -> None:
        """Learn of a binary message; its content is not kept."""
        ...

    def on_close(self, code: int, reason: str) -> None:
        """Learn of the client's close frame, which has been answered; 1005 stands for no code."""
        ...

    def on_failure(self, code: int, reason: str) -> None:
        """Learn that the client broke the protocol or a limit, and was told so by a close frame."""
        ...

    def on_lost(self) -> None:
        """Learn that the connection is gone: after a close, or without one."""
        ...

    def on_shutdown(self) -> None:
        """Learn that the server stops."""
        ...


class Wire(asyncio.Protocol):
    """One open WebSocket connection on its transport."""

    __slots__ = (
        "_close_timer",
        "_forget",
        "_fragments",
        "_frames",
        "_is_closing",
        "_is_deaf",
        "_is_held",
        "_listener",
        "_transport",
        "_unparsed",
        "active_at",
        "is_full",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        listener: Listener,
        forget: Callable[[Wire], None],
    ) -> None:
        """Take over a transport whose handshake is done; `forget` is called when it is gone."""
        self.active_at = clock.monotonic()
        """When bytes last came or a message was written: what keeps a connection from idling."""
        self.is_full = False
        """Whether the client reads so slowly that `CLIENT_BUFFER_BYTES` wait for it."""
        self._transport = transport
        self._listener = listener
        self._forget = forget
        self._frames: Frames | None = None  # made once something comes that needs a parser
        self._fragments: list[bytes] | None = None
        self._unparsed = 0
        self._close_timer: asyncio.TimerHandle | None = None
        self._is_closing = False  # a close frame was sent or answered: nothing more is written
        self._is_deaf = False  # the client closed, or broke the protocol: it is no longer heard
        self._is_held = False  # the listener wants nothing more to be read for now
        if not transport.is_closing():
            transport.set_write_buffer_limits(high=CLIENT_BUFFER_BYTES)
        listener.on_open(self)

    # What the session does

    @property
    def buffered_bytes(self) -> int:
        """How many bytes the client's machine has not taken yet."""
        return unsent_bytes(self._transport)

    @property
    def unread_bytes(self) -> int:
        """How many bytes of the client's wait to be read here."""
        return unread_bytes(self._transport)

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address and port."""
        host, port, *_ = self._transport.get_extra_info("peername")
        return host, port

    def write_text(self, data: bytes) -> None:
        """Send UTF-8 text as one message; after a close, nothing.

        What is longer than `FRAME_BYTES` goes in frames of the size that the listener says.
        """
        if self._is_closing:
            return
        self.active_at = clock.monotonic()
        if len(data) <= FRAME_BYTES:
            self._write(_FIN | _TEXT, data)
            return
        size = self._listener.frame_bytes
        pieces: list[bytes] = []
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            is_last = start + size >= len(data)
            opcode = _CONTINUATION if start else _TEXT
            pieces += (_head(opcode | _FIN if is_last else opcode, len(piece)), piece)
        self._transport.write(b"".join(pieces))

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait for the client's, but not longer than the close timeout."""
        if self._is_closing:
            return
        self._write_close(code, reason)
        self._is_closing = True
        self._cut_later()
        self._transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._transport.abort()

    def hold(self) -> None:
        """Read nothing more, so that the client's own buffer fills up, until `release`."""
        if not self._is_held and not self._is_closing:
            self._is_held = True
            self._transport.pause_reading()

    def release(self) -> None:
        """End what `hold` began."""
        if self._is_held:
            self._is_held = False
            if not self.is_full:
                self._transport.resume_reading()

    def shutdown(self) -> None:
        """Be told by the server that it stops."""
        self._listener.on_shutdown()

    # What the event loop says

    def data_received(self, data: bytes) -> None:
        """Take bytes, and tell the listener of each whole message in them."""
        active_at, self.active_at = self.active_at, clock.monotonic()
        if self._is_deaf:
            return
        # Nearly all that ever comes is one short text frame, whole, and in the end a close frame:
        # no parser is needed for these. A connection that brings nothing else never has one.
        length = len(data) - _MASKED_HEAD
        if 0 <= length < _SHORT and data[1] == _MASKED | length and self._is_between_messages():
            if data[0] == _FIN | _TEXT:
                self._deliver(apply_mask(data[_MASKED_HEAD:], data[2:_MASKED_HEAD]))
                return
            if data[0] == _CLOSE and self._take_close(data):
                return
        if self._parse(data) and not self._listener.counts_pings:
            self.active_at = active_at

    def _is_between_messages(self) -> bool:
        """Tell whether the parser waits for the first byte of a message, as far as we know.

        Each frame is taken to be as short as its payload allows. After a client that writes its
        lengths longer than that (which RFC 6455, 5.2 forbids) this stays false, which is safe.
        """
        frames = self._frames
        return frames is None or (self._unparsed == 0 and frames.current_size is None)

    def _take_close(self, data: bytes) -> bool:
        """End by a short close frame; False if it is not well-formed, which is the parser's."""
        payload = apply_mask(data[_MASKED_HEAD:], data[2:_MASKED_HEAD])
        try:
            close = Close.parse(payload)
        except (ProtocolError, UnicodeDecodeError):
            return False
        self._end(payload, close)
        return True

    def _parse(self, data: bytes) -> bool:
        """Handle the frames in some bytes, and tell whether they were pings and nothing else."""
        frames = self._frames
        if frames is None:
            limits = (MESSAGE_BYTES, FRAME_BYTES)
            frames = self._frames = Frames(Side.SERVER, state=State.OPEN, max_size=limits)
        frames.receive_data(data)
        frames.data_to_send()  # what it would answer: this class does, message by message
        self._unparsed += len(data)
        events = cast("list[Frame]", frames.events_received())
        is_ping = bool(events) and all(frame.opcode is Opcode.PING for frame in events)
        for frame in events:
            length = len(frame.data)
            self._unparsed -= _MASKED_HEAD + length + (0 if length < _SHORT else 2)
            if frame.opcode is _TEXT and frame.fin:
                self._deliver(frame.data)
            elif frame.opcode is _CLOSE_FRAME:
                assert frames.close_rcvd is not None, "websockets reads it before it tells"  # noqa: S101 — can't happen
                self._end(bytes(frame.data), frames.close_rcvd)
            else:
                self._receive(frame)
            if self._is_deaf:
                return False
        if frames.parser_exc is not None and (close := frames.close_rcvd) is not None:
            # The library takes a close within a fragmented message for an error, and nothing else
            # fails behind a close. RFC 6455, 5.4: control frames may stand there.
            is_empty = close.code == CloseCode.NO_STATUS_RCVD
            self._end(b"" if is_empty else close.serialize(), close)
        elif frames.parser_exc is not None:
            # Every error of the parser has one but the end of the stream, which it isn't told of.
            assert frames.close_sent is not None, "the parser failed silently"  # noqa: S101 — can't happen
            self._refuse(frames.parser_exc, frames.close_sent)
        return is_ping

    def eof_received(self) -> None:
        """Let the transport close itself; without a close frame this is abnormal (1006)."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener, and let go of what refers back to this object."""
        del exc
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._is_closing = self._is_deaf = True
        self._is_held = False  # a closed transport refuses to resume
        if self._frames is not None:
            self._frames.parser.close()
        self._forget(self)
        self._listener.on_lost()

    def pause_writing(self) -> None:
        """Stop reading while the client doesn't read: its own messages would add to the heap."""
        self.is_full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on once the client has read."""
        self.is_full = False
        if not self._is_held:
            self._transport.resume_reading()

    # Frames

    def _receive(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT:
                self._fragments = [bytes(frame.data)]
            case Opcode.CONT:
                self._continue(frame)
            case Opcode.BINARY:
                if not self._is_closing:
                    self._listener.on_binary()
            case Opcode.PING:
                if not self._is_closing:
                    self._write(_PONG, bytes(frame.data))
            case _:
                pass  # a pong

    def _continue(self, frame: Frame) -> None:
        if self._fragments is None:
            return  # the rest of a binary message
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            data, self._fragments = b"".join(self._fragments), None
            self._deliver(data)

    def _deliver(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_closing:
            return
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            self._break_off(_INVALID_DATA, "")
            return
        self._listener.on_text(text)

    def _end(self, payload: bytes, close: Close) -> None:
        """Handle the client's close frame: the answer to ours, or its own, which is echoed."""
        self._is_deaf = True  # nothing follows a close frame (RFC 6455, 5.5.1)
        if self._is_closing:
            self._transport.close()
            return
        self._write(_CLOSE, payload)
        self._is_closing = True
        self._transport.close()
        self._listener.on_close(int(close.code), close.reason)

    def _refuse(self, error: Exception, close: Close) -> None:
        """Break off over what the parser refuses, with its code, and AWS's reason if it has one."""
        reason = close.reason
        if isinstance(error, PayloadTooBig):
            is_frame = error.size is not None and error.size > FRAME_BYTES
            reason = FRAME_TOO_LONG if is_frame else ""
        self._break_off(int(close.code), reason)

    def _break_off(self, code: int, reason: str) -> None:
        """Say goodbye to a client that broke the rules.

        Closing the socket with the rest of a large frame unread would reset the connection, and
        the reset would overtake the close frame. So only our direction ends here, and the other is
        read and thrown away until the client ends it or the close timeout passes.
        """
        if not self._is_closing:
            self._write_close(code, reason)
        self._is_closing = self._is_deaf = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._cut_later()
        self._listener.on_failure(code, reason)

    def _write(self, first: int, payload: bytes) -> None:
        self._transport.write(_head(first, len(payload)) + payload)

    def _write_close(self, code: int, reason: str) -> None:
        self._write(_CLOSE, Close(code, reason).serialize())

    def _cut_later(self) -> None:
        if self._close_timer is None:
            loop = asyncio.get_running_loop()
            self._close_timer = loop.call_later(CLOSE_TIMEOUT_SECONDS, self._transport.abort)


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes were written that the other machine has not taken."""
    if transport.is_closing():
        return 0
    return transport.get_write_buffer_size() + _queued(transport, _UNSENT)


def unread_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes have come for a socket that nobody has read."""
    return _queued(transport, termios.FIONREAD)


def _queued(transport: asyncio.Transport, queue: int) -> int:
    """Return how many bytes are in a queue of the kernel's; none once the socket is closed."""
    if transport.is_closing():
        return 0
    descriptor = transport.get_extra_info("socket").fileno()
    (count,) = unpack("i", fcntl.ioctl(descriptor, queue, bytes(4)))
    return count


def _head(first: int, length: int) -> bytes:
    """Write the head of an unmasked frame (RFC 6455, 5.2)."""
    if length < _SHORT:
        return bytes((first, length))
    if length < _MEDIUM:
        return pack("!BBH", first, _SHORT, length)
    return pack("!BBQ", first, _LONG, length)
