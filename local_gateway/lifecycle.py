"""One connection's life as a table of states, without I/O.

    CONNECTING ──accepted──► OPEN ──client's close, failure, lost─────────────────────► CLOSED
        │                     └──binary, delete, idle, expired, shutdown──► CLOSING ──► CLOSED
        └─────refused────────────────────────────────────────────────────────────────► CLOSED

`TABLE` is the whole of it. Each way out of OPEN has the effect DISCONNECT and no other entry has
it, so every connection that was established has exactly one `$disconnect`, however it ends. A ping
has no entry: the wire answers it, and it keeps a connection from idling as any other frame does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(IntEnum):
    """Where a connection is in its life."""

    CONNECTING = auto()
    """`$connect` runs; nothing can be posted (410)."""
    OPEN = auto()
    CLOSING = auto()
    """A close frame of ours is on its way, the client's answer isn't here yet."""
    CLOSED = auto()


class Input(IntEnum):
    """What can happen to a connection."""

    ACCEPTED = auto()
    REFUSED = auto()
    TEXT = auto()
    BINARY = auto()
    CLIENT_CLOSE = auto()
    FAILURE = auto()
    """The client broke the protocol or a limit, and the wire has told it so."""
    LOST = auto()
    DELETE = auto()
    IDLE = auto()
    EXPIRED = auto()
    SHUTDOWN = auto()


class Effect(IntEnum):
    """What is to be done about it."""

    REGISTER = auto()
    """Let pushes find the connection, and watch its time."""
    HANDLE = auto()
    """Route the message and invoke its integration."""
    CLOSE = auto()
    """Send a close frame with the transition's code and reason."""
    DISCONNECT = auto()
    """Let pushes find it no longer, and invoke `$disconnect`."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The code and reason of a close, as on the wire and in the DISCONNECT event."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry of the table."""

    state: State
    effects: tuple[Effect, ...] = ()
    closing: Closing | None = None
    """None if the input brings its own: what the client or the wire said."""


GOING_AWAY = Closing(1001, "Going away")
NO_STATUS = Closing(1005, "Client-side close frame status not set")
"""What DISCONNECT says of a close frame without a code (CLOSE-1)."""
ABNORMAL = Closing(1006, "")
DELETED = Closing(1000, "Connection Closed Normally")
BINARY_REJECTED = Closing(1003, "")

_STAYS_CLOSED = Transition(State.CLOSED)
_STAYS_CLOSING = Transition(State.CLOSING)


def _gone(closing: Closing | None = None) -> Transition:
    return Transition(State.CLOSED, (Effect.DISCONNECT,), closing)


def _closed_by_us(closing: Closing) -> Transition:
    return Transition(State.CLOSING, (Effect.CLOSE, Effect.DISCONNECT), closing)


TABLE: Mapping[State, Mapping[Input, Transition]] = {
    # Nothing else can happen here: the wire is handed over with the 101, and a client that has
    # gone meanwhile is LOST right after it was ACCEPTED.
    State.CONNECTING: {
        Input.ACCEPTED: Transition(State.OPEN, (Effect.REGISTER,)),
        Input.REFUSED: _STAYS_CLOSED,
    },
    State.OPEN: {
        Input.TEXT: Transition(State.OPEN, (Effect.HANDLE,)),
        Input.BINARY: _closed_by_us(BINARY_REJECTED),
        Input.CLIENT_CLOSE: _gone(),
        Input.FAILURE: _gone(),
        Input.LOST: _gone(ABNORMAL),
        Input.DELETE: _closed_by_us(DELETED),
        Input.IDLE: _closed_by_us(GOING_AWAY),
        Input.EXPIRED: _closed_by_us(GOING_AWAY),
        Input.SHUTDOWN: _closed_by_us(GOING_AWAY),
    },
    State.CLOSING: {
        Input.TEXT: _STAYS_CLOSING,
        Input.BINARY: _STAYS_CLOSING,
        Input.CLIENT_CLOSE: _STAYS_CLOSED,
        Input.FAILURE: _STAYS_CLOSED,
        Input.LOST: _STAYS_CLOSED,
        Input.DELETE: _STAYS_CLOSING,
        Input.IDLE: _STAYS_CLOSING,
        Input.EXPIRED: _STAYS_CLOSING,
        Input.SHUTDOWN: _STAYS_CLOSING,
    },
    State.CLOSED: dict.fromkeys(Input, _STAYS_CLOSED),
}
