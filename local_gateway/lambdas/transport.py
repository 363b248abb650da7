"""How the process of an environment hears of its events and answers them.

Two speak here: Python by a socketpair (`socketpair`), everything else by Lambda's Runtime API
(`runtime_api`). An environment knows neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local_gateway.lambdas.invocation import Invocation

OnAnswer: TypeAlias = "Callable[[int, bytes, int | None], None]"
"""Gets the kind of an answer (`bootstrap.READY` and the like), its payload, and how many
microseconds the process says that it took, None if it doesn't."""
OpenTransport: TypeAlias = "Callable[[OnAnswer, Callable[[], None]], Transport]"
"""Makes the transport of one environment from what hears of its answers, and what hears that it is
of no use any more. Raises `OSError` if there is none to be had."""


class Transport(Protocol):
    """The emulator's end; `started`, then `send` once per `READY`, then `close`."""

    @property
    def command(self) -> Sequence[str]:
        """Return the command line of the process."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """Return what its environment has beside the function's variables."""
        ...

    @property
    def keep(self) -> Sequence[int]:
        """Return the file descriptors that it inherits."""
        ...

    @property
    def asks_for_events(self) -> bool:
        """Return whether it says `READY` before each event, or before its first one alone."""
        ...

    @property
    def token(self) -> bytes:
        """Return what marks in the output begin with; empty if events can't be sent ahead."""
        ...

    def started(self, pid: int) -> None:
        """Let go of what the process, which leads a group of its own, has now."""
        ...

    def send(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Hand over an event; False if the process is known to be gone."""
        ...

    def send_ahead(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Hand over the event after the one that is being handled; False if that can't be."""
        ...

    def take_back(self) -> set[str]:
        """Take back all events that the process has not begun, and return their request ids."""
        ...

    def read(self) -> None:
        """Handle the answers that are there, now."""
        ...

    def close(self) -> None:
        """Release what is held, whether there was a process or not."""
        ...
