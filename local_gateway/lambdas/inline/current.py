"""Which environment a thread belongs to: its own, or that of the thread that started it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import MutableMapping

    from local_gateway.lambdas.inline.namespace import Namespace

_NAME = "_lambda_environment"


class Surroundings(Protocol):
    """What code that runs in an environment finds around it."""

    @property
    def variables(self) -> MutableMapping[str, str]:
        """`os.environ`."""
        ...

    @property
    def namespace(self) -> Namespace:
        """The modules."""
        ...

    @property
    def loggers(self) -> logging.Manager:
        """The loggers by name."""
        ...

    @property
    def request_id(self) -> str:
        """The event that is being handled, or was last."""
        ...

    def write(self, text: str) -> None:
        """Take what is printed."""
        ...


def current() -> Surroundings | None:
    """Return the environment of this thread, None for a thread of the emulator's own."""
    return getattr(threading.current_thread(), _NAME, None)


def enter(surroundings: Surroundings) -> None:
    """Let this thread, and those that it starts, belong to an environment."""
    setattr(threading.current_thread(), _NAME, surroundings)


def start_thread(thread: Any, *, start: Any) -> None:  # noqa: ANN401 — threading.Thread and its start
    """Start a thread within the environment of the one that starts it."""
    surroundings = current()
    if surroundings is not None and not hasattr(thread, _NAME):
        setattr(thread, _NAME, surroundings)
    start(thread)
