"""The transport of Python: frames on a socketpair, which `bootstrap` reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway import ids
from local_gateway.lambdas.bootstrap import EVENT, PACKET_BYTES
from local_gateway.lambdas.channel import KEEPS_PACKETS, Channel, socket_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.lambdas.transport import OnAnswer

_NONE: Final[Mapping[str, str]] = {}


class Socketpair:
    """See `Transport`; `command` gets the socket's descriptor as its first argument."""

    asks_for_events = False
    variables = _NONE

    def __init__(
        self,
        command: Sequence[str],
        arguments: Sequence[str],
        *,
        lifeline: int,
        on_answer: OnAnswer,
        on_lost: Callable[[], None],
    ) -> None:
        """Take what starts `bootstrap`, and what it gets behind the socket and the lifeline."""
        ours, self._theirs = socket_pair()
        theirs = self._theirs if KEEPS_PACKETS else None
        self._channel = Channel(ours, theirs, on_answer=on_answer, on_lost=on_lost)
        fd = self._theirs.fileno()
        self.keep = (fd, lifeline)
        self.token = b"\x1e" + ids.new_request_id().encode() if KEEPS_PACKETS else b""
        self.command = [*command, str(fd), str(lifeline), self.token.hex(), *arguments]
        self._takes_more = False

    def started(self, pid: int) -> None:
        """Close the end that is the process's own now, unless events may be taken back by it."""
        del pid
        if not KEEPS_PACKETS:
            self._theirs.close()

    def send(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Send an event's frame."""
        frame = write_event(invocation, deadline_ms, is_ahead=False)
        # What was sent in several packets could not be told from what was sent ahead.
        self._takes_more = len(frame) <= PACKET_BYTES
        return self._channel.send(frame)

    def send_ahead(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Send an event's frame behind another one's, if it is one packet."""
        frame = write_event(invocation, deadline_ms, is_ahead=True)
        return self._takes_more and self._channel.send_ahead(frame)

    def take_back(self) -> set[str]:
        """Empty the socket."""
        untaken: set[str] = set()
        while frame := self._channel.take_back():
            untaken.add(request_id_in(frame))
        return untaken

    def read(self) -> None:
        """Read what is in the socket."""
        self._channel.read()

    def close(self) -> None:
        """Close both ends."""
        self._theirs.close()
        self._channel.close()


def write_event(invocation: Invocation, deadline_ms: int, *, is_ahead: bool) -> bytes:
    """Return the frame of an event, as `bootstrap` reads it."""
    payload, context = invocation.payload, invocation.client_context
    request_id, trace_id = invocation.request_id.encode(), invocation.trace_id.encode()
    head = EVENT.pack(
        len(payload), deadline_ms, len(request_id), len(trace_id), len(context), is_ahead
    )
    return b"".join((head, request_id, trace_id, context, payload))


def request_id_in(frame: bytes) -> str:
    """Return whose frame this is."""
    _, _, length, *_ = EVENT.unpack_from(frame)
    return frame[EVENT.size : EVENT.size + length].decode()
