"""The transport of Python: frames on a socketpair, which `bootstrap` reads and writes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from local_gateway.lambdas.bootstrap import EVENT
from local_gateway.lambdas.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local_gateway.lambdas.environment import Invocation
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
        ours, self._theirs = socket.socketpair()
        self._channel = Channel(ours, on_answer=on_answer, on_lost=on_lost)
        fd = self._theirs.fileno()
        self.keep = (fd, lifeline)
        self.command = [*command, str(fd), str(lifeline), *arguments]

    def started(self, pid: int) -> None:
        """Close the end that is the process's own now."""
        del pid
        self._theirs.close()

    def send(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Send an event's frame."""
        payload, context = invocation.payload, invocation.client_context
        request_id, trace_id = invocation.request_id.encode(), invocation.trace_id.encode()
        head = EVENT.pack(len(payload), deadline_ms, len(request_id), len(trace_id), len(context))
        return self._channel.send(b"".join((head, request_id, trace_id, context, payload)))

    def close(self) -> None:
        """Close both ends."""
        self._theirs.close()
        self._channel.close()
